"""What commands share: start and exit codes, config files, process set-up."""
