"""What a sandbox under `network: egress` reaches outside: judged here, carried through its run's own socket."""
