//! Serves stores and tasks to programs that train, measure or ask: over HTTP, WebSocket and MCP.
