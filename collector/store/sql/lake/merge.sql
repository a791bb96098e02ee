-- a row is one table whose files below a size were put together, by those that were made after one another
CALL ducklake_merge_adjacent_files('lake', $name, max_file_size => $below)
