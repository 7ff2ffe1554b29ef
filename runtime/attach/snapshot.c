/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/snapshot.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/bits.h"
#include "base/lines.h"

#define ERROR_TRIES 4

/* ---- memory ---- */

/* Where table t begins in a snapshot's memory; t = MR_STAT_TABLE_CNT: the size. */
static size_t place_of(const struct mr_attach *a, uint32_t t) {
  size_t at = 0;
  for (uint32_t i = 0; i < t; i++)
    at = (size_t)mr_align_up(at + a->tables[i].cnt * a->tables[i].entry_sz + 1, MR_STAT_ALIGN);
  return at;
}

/* Gives *snap memory for the tables of the attach and points into it. */
static int make_room(const struct mr_attach *a, struct mr_snapshot *snap) {
  size_t sz = place_of(a, MR_STAT_TABLE_CNT);
  if (snap->mem_sz < sz) {
    mr_snapshot_free(snap);
    void *mem = mmap(NULL, sz, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mem == MAP_FAILED) return MR_ERR_NOMEM;
    snap->mem = mem;
    snap->mem_sz = sz;
  }
  uint8_t *mem = snap->mem;
  snap->nodes = (void *)(mem + place_of(a, MR_STAT_NODES));
  snap->workers = (void *)(mem + place_of(a, MR_STAT_WORKERS));
  snap->links = (void *)(mem + place_of(a, MR_STAT_LINKS));
  snap->paths = (void *)(mem + place_of(a, MR_STAT_PATHS));
  snap->partitions = (void *)(mem + place_of(a, MR_STAT_PARTITIONS));
  snap->errors = (void *)(mem + place_of(a, MR_STAT_ERRORS));
  snap->parts = (void *)(mem + place_of(a, MR_STAT_PARTS));
  snap->counters = (void *)(mem + place_of(a, MR_STAT_COUNTERS));
  snap->plan_len = a->tables[MR_STAT_PLAN].cnt;
  snap->plan = snap->plan_len ? (const char *)mem + place_of(a, MR_STAT_PLAN) : NULL;
  return MR_OK;
}

void mr_snapshot_free(struct mr_snapshot *snap) {
  if (snap->mem) munmap(snap->mem, snap->mem_sz);
  memset(snap, 0, sizeof *snap);
}

/* ---- copying ---- */

/* Upwards, word by word: what the writer stored in that order is seen in that order. */
static void copy_words(void *dst, const uint8_t *src, size_t sz) {
  const _Atomic uint64_t *from = (const void *)src;
  uint64_t *to = dst;
  for (size_t i = 0; i < sz / 8; i++)
    to[i] = atomic_load_explicit(&from[i], memory_order_acquire); /* put_after of stats/stats.c */
}

static const uint8_t *entry_at(const struct mr_attach *a, uint32_t t, uint32_t i) {
  return a->base + a->tables[t].off + i * a->tables[t].stride;
}

static uint32_t copy_table(const struct mr_attach *a, uint32_t t, void *dst) {
  for (uint32_t i = 0; i < a->tables[t].cnt; i++)
    copy_words((uint8_t *)dst + i * a->tables[t].entry_sz, entry_at(a, t, i),
               a->tables[t].entry_sz);
  return a->tables[t].cnt;
}

/* Whole entries with a count, last seen first; how many, at most 64. */
static uint32_t copy_errors(const struct mr_attach *a, struct mr_snapshot *snap) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < a->tables[MR_STAT_ERRORS].cnt; i++) {
    struct mr_error_stat one;
    bool whole = false;
    for (int try = 0; try < ERROR_TRIES && !whole; try++) {
      copy_words(&one, entry_at(a, MR_STAT_ERRORS, i), sizeof one);
      whole = mr_snapshot_word(&one.done) == mr_snapshot_word(&one.begun);
    }
    if (!whole || !mr_snapshot_word(&one.count)) continue;
    if (mr_snapshot_word(&one.node) >= snap->node_cnt)
      atomic_store_explicit(&one.node, UINT64_MAX, memory_order_relaxed);
    int64_t last = (int64_t)mr_snapshot_word(&one.last_us);
    uint32_t at = cnt;
    while (at && (int64_t)mr_snapshot_word(&snap->errors[at - 1].last_us) < last) at--;
    if (at == MR_STAT_ERRORS_PER_WRITER) continue;
    if (cnt < MR_STAT_ERRORS_PER_WRITER) cnt++;
    memmove(&snap->errors[at + 1], &snap->errors[at], (cnt - 1 - at) * sizeof one);
    memcpy(&snap->errors[at], &one, sizeof one);
  }
  return cnt;
}

static void copy_texts(const struct mr_attach *a, struct mr_snapshot *snap) {
  for (uint32_t i = 0; i < snap->node_cnt; i++) {
    struct mr_node_stat *node = &snap->nodes[i];
    mr_text_clean(node->name, sizeof node->name, node->name, sizeof node->name);
    mr_text_clean(node->type, sizeof node->type, node->type, sizeof node->type);
  }
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < a->tables[MR_STAT_PARTS].cnt; i++) {
    struct mr_part_stat *part = &snap->parts[cnt];
    copy_words(part, entry_at(a, MR_STAT_PARTS, i), sizeof *part);
    mr_text_clean(part->label, sizeof part->label, part->label, sizeof part->label);
    if (part->cnt) cnt++;
  }
  snap->part_cnt = cnt;
  cnt = 0;
  for (uint32_t i = 0; i < a->tables[MR_STAT_COUNTERS].cnt; i++) {
    struct mr_counter_stat *counter = &snap->counters[cnt];
    copy_words(counter, entry_at(a, MR_STAT_COUNTERS, i), sizeof *counter);
    mr_text_clean(counter->label, sizeof counter->label, counter->label, sizeof counter->label);
    if (counter->node >= snap->node_cnt) counter->node = UINT32_MAX;
    if (mr_snapshot_word(&counter->state) == 1) cnt++;
  }
  snap->counter_cnt = cnt;
  for (uint32_t i = 0; i < snap->plan_len; i++)
    ((char *)(uintptr_t)snap->plan)[i] = (char)*entry_at(a, MR_STAT_PLAN, i);
}

static bool indices_valid(const struct mr_snapshot *snap) {
  uint32_t n = snap->node_cnt;
  for (uint32_t i = 0; i < n; i++)
    if (snap->nodes[i].worker >= snap->worker_cnt || snap->nodes[i].input > n) return false;
  for (uint32_t i = 0; i < snap->link_cnt; i++)
    if (snap->links[i].from >= n || snap->links[i].to >= n) return false;
  for (uint32_t i = 0; i < snap->path_cnt; i++)
    if (snap->paths[i].from >= n || snap->paths[i].to >= n) return false;
  for (uint32_t i = 0; i < snap->partition_cnt; i++)
    if (snap->partitions[i].node >= n) return false;
  return true;
}

static void take_head(const struct mr_attach *a, struct mr_snapshot *snap) {
  const struct mr_segment_head *live = (const void *)a->base;
  memcpy(snap->graph, a->graph, sizeof snap->graph);
  memcpy(snap->version, a->version, sizeof snap->version);
  snap->pid = a->process.pid;
  snap->start_ticks = a->process.start_ticks;
  snap->generation = a->generation;
  snap->config_hash = a->config_hash;
  snap->layout_hash = a->layout_hash;
  snap->start_wall_us = a->start_wall_us;
  snap->virtual_clock = a->flags & MR_STAT_VIRTUAL_CLOCK;
  snap->state = mr_attach_state(a);
  uint64_t beat = mr_snapshot_word(&live->heartbeat_ns);
  uint64_t running = mr_snapshot_word(&live->running_ns);
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  snap->taken_mono_ns = mr_process_mono_ns();
  snap->taken_wall_us = (int64_t)wall.tv_sec * 1000000 + wall.tv_nsec / 1000;
  snap->beat_age_ns = snap->taken_mono_ns > beat ? snap->taken_mono_ns - beat : 0;
  snap->stalled = snap->state != MR_GRAPH_DONE && snap->state != MR_GRAPH_DEAD &&
                  snap->beat_age_ns >= MR_PROCESS_BEAT_OLD_NS;
  snap->uptime_ns = running && beat > running ? beat - running : 0;
  snap->interval_ns = snap->uptime_ns;
  snap->exit_code = mr_snapshot_word(&live->exit_code);
}

int mr_snapshot_take(const struct mr_attach *attach, struct mr_snapshot *snap) {
  int rc = make_room(attach, snap);
  if (rc) return rc;
  snap->node_cnt = copy_table(attach, MR_STAT_NODES, snap->nodes);
  snap->worker_cnt = copy_table(attach, MR_STAT_WORKERS, snap->workers);
  snap->link_cnt = copy_table(attach, MR_STAT_LINKS, snap->links);
  snap->path_cnt = copy_table(attach, MR_STAT_PATHS, snap->paths);
  snap->partition_cnt = copy_table(attach, MR_STAT_PARTITIONS, snap->partitions);
  take_head(attach, snap);
  copy_texts(attach, snap);
  snap->error_cnt = copy_errors(attach, snap);
  return indices_valid(snap) ? MR_OK : MR_ERR_DATA;
}

/* ---- intervals ---- */

static void subtract_word(_Atomic uint64_t *word, const _Atomic uint64_t *earlier) {
  uint64_t a = mr_snapshot_word(word), b = mr_snapshot_word(earlier);
  atomic_store_explicit(word, a > b ? a - b : 0, memory_order_relaxed);
}

/* One field of all entries of a table, words * 8 bytes. */
static void subtract_field(const struct mr_attach *a, const struct mr_attach_row *row,
                           const struct mr_snapshot *earlier, struct mr_snapshot *out) {
  size_t place = place_of(a, row->table), words = row->sz / 8;
  for (uint32_t i = 0; i < a->tables[row->table].cnt; i++) {
    size_t off = place + i * a->tables[row->table].entry_sz + row->off;
    _Atomic uint64_t *to = (void *)((uint8_t *)out->mem + off);
    const _Atomic uint64_t *from = (const void *)((const uint8_t *)earlier->mem + off);
    for (size_t w = 0; w < words; w++) subtract_word(&to[w], &from[w]);
  }
}

int mr_snapshot_subtract(const struct mr_attach *attach, const struct mr_snapshot *later,
                         const struct mr_snapshot *earlier, struct mr_snapshot *out) {
  if (later->pid != earlier->pid || later->start_ticks != earlier->start_ticks ||
      later->generation != earlier->generation || later->layout_hash != earlier->layout_hash ||
      later->layout_hash != attach->layout_hash || later->start_wall_us != earlier->start_wall_us)
    return MR_ERR_STATE;
  int rc = make_room(attach, out);
  if (rc) return rc;
  struct mr_snapshot own = *out;
  *out = *later;
  out->mem = own.mem;
  out->mem_sz = own.mem_sz;
  make_room(attach, out);
  memcpy(out->mem, later->mem, place_of(attach, MR_STAT_TABLE_CNT));
  for (uint32_t i = 0; i < attach->row_cnt; i++) {
    const struct mr_attach_row *row = &attach->rows[i];
    bool rises = row->kind == MR_STAT_KIND_COUNTER || row->kind == MR_STAT_KIND_HIST;
    if (rises && row->table <= MR_STAT_PARTITIONS) subtract_field(attach, row, earlier, out);
  }
  for (uint32_t i = 0, j = 0; i < out->counter_cnt; i++) {
    struct mr_counter_stat *counter = &out->counters[i];
    while (j < earlier->counter_cnt && earlier->counters[j].id < counter->id) j++;
    if (counter->kind == MR_STAT_KIND_COUNTER && j < earlier->counter_cnt &&
        earlier->counters[j].id == counter->id)
      subtract_word(&counter->value, &earlier->counters[j].value);
  }
  out->interval_ns = later->taken_mono_ns > earlier->taken_mono_ns
                         ? later->taken_mono_ns - earlier->taken_mono_ns
                         : 0;
  return MR_OK;
}

/* ---- looking ---- */

static uint64_t difference(const _Atomic uint64_t *more, const _Atomic uint64_t *less) {
  uint64_t a = mr_snapshot_word(more), b = mr_snapshot_word(less);
  return a > b ? a - b : 0;
}

uint64_t mr_snapshot_depth_items(const struct mr_link_stat *link) {
  uint64_t depth = difference(&link->items_sent, &link->items_taken);
  return depth < link->capacity ? depth : link->capacity;
}

uint64_t mr_snapshot_depth_rows(const struct mr_link_stat *link) {
  return mr_snapshot_depth_items(link) ? difference(&link->rows_sent, &link->rows_taken) : 0;
}

static const char *words_text(const _Atomic uint64_t *words, uint32_t cnt, char *buf) {
  char raw[MR_STAT_ERROR_TEXT_SZ];
  for (uint32_t i = 0; i < cnt; i++) {
    uint64_t word = mr_snapshot_word(&words[i]);
    memcpy(raw + i * 8, &word, 8);
  }
  mr_text_clean(buf, MR_STAT_ERROR_TEXT_SZ, raw, cnt * 8);
  return buf;
}

const char *mr_snapshot_error_code(const struct mr_error_stat *error, char *buf) {
  return words_text(error->code, MR_STAT_ERROR_CODE_SZ / 8, buf);
}

const char *mr_snapshot_error_text(const struct mr_error_stat *error, char *buf) {
  return words_text(error->text, MR_STAT_ERROR_TEXT_SZ / 8, buf);
}

bool mr_snapshot_node_hidden(const struct mr_snapshot *snap, uint32_t node) {
  return snap->nodes[node].flags & MR_STAT_NODE_INTERNAL;
}

bool mr_snapshot_link_hidden(const struct mr_snapshot *snap, uint32_t link) {
  return mr_snapshot_node_hidden(snap, snap->links[link].from) ||
         mr_snapshot_node_hidden(snap, snap->links[link].to);
}
