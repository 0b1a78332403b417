"""The reference services. A package, so that no other one of this name takes its place on the path."""
