"""What the gateway costs and how fast it answers, measured from outside: `python -m benchmarks [name …]`.

Cameras and viewers run in processes of their own, so that every figure is the gateway's alone.
"""
