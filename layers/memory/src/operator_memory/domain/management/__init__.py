"""What people and services may see and change: listing, erasure, exports, roles, limits."""
