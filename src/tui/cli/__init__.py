"""The command line: verbs over the Engine protocol, exit codes and JSON as the contract says."""
