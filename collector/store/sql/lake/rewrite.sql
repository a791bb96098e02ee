-- a row is one table some of whose files were written anew, because half of a file and more had been removed
CALL ducklake_rewrite_data_files('lake', 'cold', delete_threshold => 0.5)
