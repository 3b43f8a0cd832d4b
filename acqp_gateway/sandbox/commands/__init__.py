"""What a person or a script does with the sandbox, one module a group of commands."""
