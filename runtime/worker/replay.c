/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/replay.h"

#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "worker/worker_private.h"

#define LOOK_NS 2000000L

size_t mr_replay_buffer_sz(size_t len, size_t *off) {
  *off = (size_t)mr_align_up(len, 64) + 64; /* a rest without its end is moved in front */
  return *off + len + MR_REPLAY_PAD;
}

/* ---- the worker's side ---- */

bool mr_instance_replays(struct mr_instance *inst) {
  struct mr_replay_slot *slot = &inst->replay;
  /* relaxed: a late look costs a poll */
  uint32_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);
  if (state == MR_REPLAY_TAKEN) return true;
  if (state != MR_REPLAY_OFFERED) return false;
  /* acquire: pairs with the release in offer; the lines are there */
  return atomic_compare_exchange_strong_explicit(&slot->state, &state, MR_REPLAY_TAKEN,
                                                 memory_order_acquire, /* as above */
                                                 memory_order_relaxed);
}

void mr_instance_replay(struct mr_instance *inst) {
  struct mr_replay_slot *slot = &inst->replay;
  if (!inst->op->replay(&inst->ctx, &slot->lines)) return;
  /* release: pairs with the acquire in wait_for; rows and errors are final */
  atomic_store_explicit(&slot->state, MR_REPLAY_DONE, memory_order_release);
}

/* ---- the other side ---- */

static struct mr_instance *find_source(struct mr_run *run, const char *node, struct mr_error *err) {
  for (uint32_t i = 0; i < run->plan->node_cnt; i++) {
    const struct mr_plan_node *n = &run->plan->nodes[i];
    if (n->internal || strcmp(n->name, node) != 0) continue;
    if (n->op->kind != MR_OP_SOURCE)
      mr_error_set(err, MR_ERR_STATE, "%s is no source: rows of steps cannot be replayed", node);
    else if (!n->op->replay)
      mr_error_set(err, MR_ERR_STATE, "%s (%s) decodes no lines: nothing can be replayed to it",
                   node, n->op->name);
    else if (n->instance_cnt > 1)
      mr_error_set(err, MR_ERR_STATE,
                   "%s is read by %u workers, whose rows keep the order of its files: nothing can "
                   "be replayed to it",
                   node, n->instance_cnt);
    else
      return &run->insts[n->first_instance];
    return NULL;
  }
  mr_error_set(err, MR_ERR_NOENT, "graph %s has no source \"%s\"", run->plan->graph, node);
  return NULL;
}

static bool take_slot(struct mr_run *run, struct mr_replay_slot *slot) {
  pthread_mutex_lock(&run->lock);
  bool was = slot->used;
  slot->used = true;
  pthread_mutex_unlock(&run->lock);
  return !was;
}

static void offer(struct mr_instance *inst, char *lines, size_t len) {
  struct mr_replay_slot *slot = &inst->replay;
  slot->lines = (struct mr_replay_lines){.bytes = lines, .len = len};
  /* release: pairs with the acquire in mr_instance_replays */
  atomic_store_explicit(&slot->state, MR_REPLAY_OFFERED, memory_order_release);
  mr_wake_signal(inst->worker->wake);
}

static bool is_over(const struct mr_replay_slot *slot) {
  /* acquire: pairs with the release in mr_instance_end_source; rows and errors are final */
  return atomic_load_explicit(&slot->over, memory_order_acquire) != 0;
}

/* Waits until the lines are taken. False: the source has ended, or the run and its workers. */
static bool wait_for(struct mr_instance *inst, bool (*ended)(void *ctx), void *ctx) {
  const struct timespec pause = {.tv_nsec = LOOK_NS};
  for (;;) {
    /* acquire: pairs with the release in mr_instance_replay */
    if (atomic_load_explicit(&inst->replay.state, memory_order_acquire) == MR_REPLAY_DONE)
      return true;
    if (is_over(&inst->replay) || ended(ctx)) return false;
    nanosleep(&pause, NULL);
  }
}

int mr_run_replay(struct mr_run *run, const char *node, char *buffer, size_t len,
                  bool (*ended)(void *ctx), void *ctx, struct mr_replay_result *result,
                  struct mr_error *err) {
  size_t off;
  mr_replay_buffer_sz(len, &off);
  *result = (struct mr_replay_result){0};
  struct mr_instance *inst = find_source(run, node, err);
  if (!inst) return err->code;
  struct mr_replay_slot *slot = &inst->replay;
  if (!take_slot(run, slot))
    return mr_error_set(err, MR_ERR_EXISTS, "somebody replays to %s already", node);
  offer(inst, buffer + off, len);
  bool all = wait_for(inst, ended, ctx);
  const char *refused = slot->lines.refused;
  *result = (struct mr_replay_result){slot->lines.rows, slot->lines.errors};
  pthread_mutex_lock(&run->lock);
  /* relaxed: the worker does not look at it in this state, or has ended */
  atomic_store_explicit(&slot->state, MR_REPLAY_NONE, memory_order_relaxed);
  slot->used = false;
  pthread_mutex_unlock(&run->lock);
  if (refused) return mr_error_set(err, MR_ERR_STATE, "%s %s", node, refused);
  return all ? MR_OK
             : mr_error_set(err, MR_ERR_STATE, "%s has ended before it took all lines", node);
}
