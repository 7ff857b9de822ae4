"""How fast, how cheap, and compared with what? Benchmarks of the whole job on real Kafka and real Redis.

``python -m tests.bench NAME --json FILE`` runs one of them; `README.md` beside this file tells what each one shows,
and what came out.
"""
