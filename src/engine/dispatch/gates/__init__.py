"""Gates: how they open, what is asked or watched for them, and how one function closes them."""
