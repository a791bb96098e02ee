"""The measurement agent on customer-side hardware."""
