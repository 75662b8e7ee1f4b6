"""Object stores: Amazon's S3 and what speaks like it, Google Cloud Storage, Azure. Knows nothing of jobs."""
