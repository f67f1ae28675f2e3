"""What is known of other libraries: their schedulers, arguments and configs; a module or a folder for each."""
