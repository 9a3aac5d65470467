"""HTTP and WebSocket API, trust, pages."""
