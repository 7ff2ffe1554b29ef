/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_CHECKPOINT_PRIVATE_H
#define MR_WORKER_CHECKPOINT_PRIVATE_H

/* Checkpoints, the runtime's side: who drives them (checkpoint.c), what an instance does when a
 * barrier comes (barrier.c), and how a run goes on with one (recover.c).
 *
 *   IDLE --(interval, or somebody asks)--> BARRIER --(every instance has its snapshot)--> WRITING
 *     ^                                                                                      |
 *     +--------------------------(durable: sinks publish)-----------------------------------+
 *
 * Where the memory for what is frozen has no pages yet, the barrier is in vain: PREPARING gets them
 * beside the worker, and the next one begins at once.
 *
 * Any worker drives it in its housekeeping, one at a time; behind the end the host does. */

#include <stdatomic.h>

#include "io/io.h"
#include "state/save.h"
#include "worker/checkpoint.h"
#include "worker/instance_private.h"
#include "worker/manifest.h"

#define MR_PIECE_SZ (256u << 10) /* bytes of what snapshot itself writes, at most */

/* What an instance gives to a checkpoint. */
struct mr_piece {
  struct mr_save save;    /* at a barrier */
  struct mr_save last;    /* behind its end */
  const char *shape;      /* of the state; NULL: none */
  uint64_t stop_ns_max;   /* the longest call of snapshot; read when a piece is whole */
  _Atomic uint64_t taken; /* the barrier that `save` is of; stored when it is whole */
  _Atomic uint32_t ended; /* `last` is whole */
};

enum mr_checkpoint_state {
  MR_CHECKPOINT_IDLE,
  MR_CHECKPOINT_BARRIER,
  MR_CHECKPOINT_PREPARING,
  MR_CHECKPOINT_WRITING
};

struct mr_checkpoint {
  struct mr_run *run;
  const char *dir;
  uint64_t interval_ns;
  uint32_t keep;
  struct mr_io *io;        /* of who drives: the job */
  struct mr_io *job_io;    /* of the job */
  _Atomic uint32_t driven; /* somebody drives */
  _Atomic uint64_t asked;  /* the last barrier that sources are to send */
  _Atomic uint64_t durable;
  _Atomic uint64_t tickets, served, refused; /* asked for; durable up to; failed up to */
  _Atomic uint32_t state;                    /* enum mr_checkpoint_state; written by who drives */
  /* who drives */
  uint64_t number;  /* of the one under way, or the last */
  uint64_t serving; /* tickets that it answers */
  uint64_t began_ns;
  _Atomic uint64_t next_ns; /* when the next one begins */
  struct mr_io_req job;
  bool full_said;
  bool early; /* publish_early: it is said to be durable, and is not */
  /* the job */
  bool behind_end; /* of the one being written: all instances have ended */
  struct mr_error error;
  uint8_t *buffer;
  uint64_t bytes;      /* of the last state file */
  uint64_t written_ns; /* what writing it took */
  _Atomic uint64_t stop_ns_max;
  /* of the start */
  struct mr_arena arena; /* of what is restored, until it is */
  struct mr_manifest *from;
  const uint8_t *state_bytes;
  uint64_t restored;
  bool had_ended, finished;
};

/* ---- checkpoint.c ---- */
/* Before the operators' init: memory, and the checkpoint to go on with. MR_ERR_CONF: it does
 * not fit the graph. */
int mr_checkpoint_open(struct mr_run *run, struct mr_error *err);
/* Behind it: memory for snapshots. */
int mr_checkpoint_reserve(struct mr_run *run, struct mr_error *err);
/* In a worker's housekeeping. */
void mr_checkpoint_drive(struct mr_run *run, uint64_t now_ns);
/* At most so long may a worker sleep, ns. */
uint64_t mr_checkpoint_sleep_ns(const struct mr_run *run, uint64_t now_ns);
/* Behind the end of all workers: the last checkpoint. */
void mr_checkpoint_finish(struct mr_run *run);
void mr_checkpoint_close(struct mr_run *run);

/* ---- barrier.c ---- */
/* The source is to send a barrier before it is asked again. */
bool mr_barrier_due(const struct mr_instance *source);
/* Sends it; the source is idle and has no error rows open. */
void mr_barrier_inject(struct mr_instance *source);
/* Barrier `number` has come on an input. */
void mr_barrier_arrive(struct mr_instance *inst, uint32_t in, uint64_t number);
/* An input has ended: those that are left may all have brought it. */
void mr_barrier_align(struct mr_instance *inst);
/* The snapshot of a barrier or behind the end; false: call again. */
bool mr_barrier_snapshot(struct mr_instance *inst);
/* Sends it on; false: call again. */
bool mr_barrier_forward(struct mr_instance *inst);
/* The item is done: inputs are read again. */
void mr_barrier_done(struct mr_instance *inst);
/* Something waits on an input that has brought the barrier. */
void mr_barrier_park(struct mr_instance *inst);
/* In housekeeping: tells the operator what is durable. */
void mr_barrier_publish(struct mr_instance *inst);

/* ---- recover.c ---- */
/* Whether the checkpoint fits the plan. MR_ERR_CONF names what does not. */
int mr_recover_check(const struct mr_plan *plan, const struct mr_manifest *manifest,
                     struct mr_error *err);
/* Behind the operators' init. */
int mr_recover_restore(struct mr_run *run, struct mr_error *err);

#endif
