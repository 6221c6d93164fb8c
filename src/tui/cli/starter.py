"""What `pilothouse init` writes: a commented settings file and a first goal."""

IGNORED = """\
# The state of Pilothouse: machine-made, never committed. Templates are the exception.
*
!templates/
!templates/*.yaml
"""

SETTINGS = """\
# Settings of this project; every line that is commented out shows the default.
# They stand over ~/.config/pilothouse/config.toml, and under PILOTHOUSE_* variables and flags.

[engine]
# max_parallel = 4          # sandboxes that run at once
# undo_window = "5s"        # an answer given on the screen can be taken back for so long
# shutdown_grace = "60s"    # SIGTERM lets running work end for so long

[sandbox]
# runtime = "auto"          # docker; or process, which auto takes only when no daemon answers
# stop_grace = "10s"        # between TERM and KILL

[sandbox.defaults]
# memory = "512m"
# cpus = 1
# network = "none"         # egress reaches what a list names, open everything
# timeout = "30m"

[ui]
# theme = "pilothouse"
"""

GOAL = """\
# A first goal: `pilothouse plan goal.yaml` shows what it would do, `pilothouse run goal.yaml` does it.
goal: Greet the {{ who }}
vars: {who: world}
tasks:
  - id: write
    title: Write the greeting
    run: echo "Hello, {{ who }}!" | tee greeting.txt
  - id: checks
    order: parallel
    needs: [write]
    tasks:
      - id: shell
        run: test -n "$PILOTHOUSE_RUN"
      - id: limits
        run: echo a sandbox has limits, pilothouse sandboxes shows them
        sandbox: {memory: 128m}
  - id: ship
    needs: [checks]
    gate: {kind: human_approval, question: Is the greeting good enough to ship?, rework: write}
  - id: shipped
    needs: [ship]
    run: echo shipped
"""
