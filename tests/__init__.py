"""The suite. A package, so that no other one of this name, as many projects install, takes its place on the path."""
