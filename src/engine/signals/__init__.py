"""What comes from outside: how a service is asked, how what it says is read, and how a delivery proves who sent it.

Needs no store: what it is to ask about is passed in, what it found is handed back."""
