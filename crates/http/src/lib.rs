//! What people and programs talk to: the HTTP API.
