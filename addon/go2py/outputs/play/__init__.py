"""Playing into cameras: files, addresses, uploads and spoken text, into one camera or several in step."""
