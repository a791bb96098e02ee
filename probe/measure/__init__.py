"""The methods as pure cores: time, chance and bytes come in as arguments."""
