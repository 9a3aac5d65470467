"""Talk: voices come in, one clean stream of sound goes out to the camera while somebody speaks."""
