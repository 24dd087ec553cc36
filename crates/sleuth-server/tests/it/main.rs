//! What a client sees of the server.
