"""ONVIF as a client speaks it: SOAP over HTTP, its security, its answers and the faults in them. Without a socket."""
