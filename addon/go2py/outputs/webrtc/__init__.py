"""WebRTC: one UDP and TCP port, ICE, DTLS and SRTP beneath, shared RTP senders and signalling on top."""
