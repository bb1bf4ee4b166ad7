"""The parts of the prefork pool.

The worker's process (the parent) forks one *nursery* before it has threads or connections; the nursery forks the
children, and forks new ones later, from a process that never had either. Between the parent and each child there are
three channels and a record, and none is shared with another child:

- a socket pair: frames of requests one way, a bell the other way (`frames`, `bell` in `child`);
- a pipe of *tokens*, one byte for each request that the child may start. The child takes one before each request. The
  parent holds the reading end too: the tokens that it takes back are the requests that will never start there. The
  kernel hands each byte to one reader, so no request can both run and be taken back, whoever dies when;
- a pipe of outcomes, into which the child writes each as soon as it has it. The parent reads it when the bell rings
  (a batch is done, or 2 ms have passed), so one wake-up serves many outcomes, and a child that is killed takes none of
  them along;
- a record in shared memory: what runs and since when, how much has run, how much memory is held (`board`).

So when a child dies: what is in the pipe of outcomes has ended, what has a token left was never started, and the one
request between the two died with it.
"""
