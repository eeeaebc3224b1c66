"""What is timed, and how: ``python -m benchmarks COMMAND`` from the repository's root.

Every figure is taken in one process with what it is compared to, the two in turns, since machines
drift. Compared is the plain path (:mod:`benchmarks.variants`) with the library as it ships.
"""
