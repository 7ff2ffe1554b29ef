/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/stats.h"

#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/hash.h"
#include "base/limits.h"
#include "stats/rows_private.h"

#define PART_MAX    64u
#define COUNTER_MAX 64u
#define ROOM_MAX    65536u      /* parts, counters */
#define PLAN_MAX    (64u << 20) /* bytes of plan text */

static const struct table_form {
  const char *name;
  uint64_t stride;
} table_forms[MR_STAT_TABLE_CNT] = {
    [MR_STAT_NODES] = {"nodes", sizeof(struct mr_node_stat)},
    [MR_STAT_WORKERS] = {"workers", sizeof(struct mr_worker_stat)},
    [MR_STAT_LINKS] = {"links", sizeof(struct mr_link_stat)},
    [MR_STAT_PATHS] = {"paths", sizeof(struct mr_path_stat)},
    [MR_STAT_PARTITIONS] = {"partitions", sizeof(struct mr_partition_stat)},
    [MR_STAT_ERRORS] = {"errors", sizeof(struct mr_error_stat)},
    [MR_STAT_PARTS] = {"parts", sizeof(struct mr_part_stat)},
    [MR_STAT_COUNTERS] = {"counters", sizeof(struct mr_counter_stat)},
    [MR_STAT_PLAN] = {"plan", 1},
};

/* Where everything lies, from the start of the body. */
struct layout {
  uint32_t cnt[MR_STAT_TABLE_CNT];
  uint64_t tables_off, rows_off;
  uint64_t off[MR_STAT_TABLE_CNT];
  uint64_t sz;
};

static void lay_out(struct layout *l, const struct mr_stats_conf *conf) {
  l->cnt[MR_STAT_NODES] = conf->node_cnt;
  l->cnt[MR_STAT_WORKERS] = conf->worker_cnt;
  l->cnt[MR_STAT_LINKS] = conf->link_cnt;
  l->cnt[MR_STAT_PATHS] = conf->path_cnt;
  l->cnt[MR_STAT_PARTITIONS] = conf->partition_cnt;
  l->cnt[MR_STAT_ERRORS] = (conf->worker_cnt + 1) * MR_STAT_ERRORS_PER_WRITER;
  l->cnt[MR_STAT_PARTS] = conf->part_max ? conf->part_max : PART_MAX;
  l->cnt[MR_STAT_COUNTERS] = conf->counter_max ? conf->counter_max : COUNTER_MAX;
  l->cnt[MR_STAT_PLAN] = conf->plan ? conf->plan_len : 0;
  uint64_t at = sizeof(struct mr_stat_directory);
  l->tables_off = at;
  at = mr_align_up(at + MR_STAT_TABLE_CNT * sizeof(struct mr_stat_table), MR_STAT_ALIGN);
  l->rows_off = at;
  at = mr_align_up(at + mr_stat_field_cnt * sizeof(struct mr_stat_row), MR_STAT_ALIGN);
  for (uint32_t t = 0; t < MR_STAT_TABLE_CNT; t++) {
    l->off[t] = at;
    at = mr_align_up(at + l->cnt[t] * table_forms[t].stride, MR_STAT_ALIGN);
  }
  l->sz = at;
}

uint64_t mr_stats_footprint(const struct mr_stats_conf *conf) {
  uint32_t n = conf->node_cnt;
  if (n > MR_INSTANCES_MAX || conf->link_cnt > MR_LINKS_MAX) return 0;
  if (conf->path_cnt > MR_INSTANCES_MAX * MR_NODES_MAX) return 0;
  if (conf->partition_cnt > MR_PARTITIONS_MAX) return 0;
  if (!conf->worker_cnt || conf->worker_cnt > MR_WORKERS_MAX) return 0;
  if (conf->part_max > ROOM_MAX || conf->counter_max > ROOM_MAX) return 0;
  if (conf->plan && conf->plan_len > PLAN_MAX) return 0;
  if ((n && !conf->nodes) || (conf->link_cnt && !conf->links) || (conf->path_cnt && !conf->paths) ||
      (conf->partition_cnt && !conf->partitions))
    return 0;
  for (uint32_t i = 0; i < n; i++)
    if (!conf->nodes[i].name || !conf->nodes[i].type || conf->nodes[i].worker >= conf->worker_cnt ||
        conf->nodes[i].input > n)
      return 0;
  for (uint32_t i = 0; i < conf->link_cnt; i++)
    if (conf->links[i].from >= n || conf->links[i].to >= n || !conf->links[i].capacity) return 0;
  for (uint32_t i = 0; i < conf->path_cnt; i++)
    if (conf->paths[i].from >= n || conf->paths[i].to >= n) return 0;
  for (uint32_t i = 0; i < conf->partition_cnt; i++)
    if (conf->partitions[i].node >= n) return 0;
  struct layout l;
  lay_out(&l, conf);
  return l.sz;
}

/* Copies text into a zeroed field of sz bytes, cut so that a NUL stays. */
static void put_text(char *field, size_t sz, const char *text) {
  memcpy(field, text, strnlen(text, sz - 1));
}

static void fill_directory(struct mr_stats *stats, uint64_t off, const struct layout *l,
                           const struct mr_stats_conf *conf) {
  struct mr_stat_directory *dir = stats->dir;
  dir->table_cnt = MR_STAT_TABLE_CNT;
  dir->row_cnt = mr_stat_field_cnt;
  dir->tables_off = off + l->tables_off;
  dir->rows_off = off + l->rows_off;
  dir->table_stride = sizeof(struct mr_stat_table);
  dir->row_stride = sizeof(struct mr_stat_row);
  dir->flags = conf->virtual_clock ? MR_STAT_VIRTUAL_CLOCK : 0;
  dir->worker_cnt = conf->worker_cnt;
  for (uint32_t t = 0; t < MR_STAT_TABLE_CNT; t++) {
    struct mr_stat_table *table = &stats->tables[t];
    table->id = t;
    table->cnt = l->cnt[t];
    table->off = off + l->off[t];
    table->stride = table_forms[t].stride;
    put_text(table->name, sizeof table->name, table_forms[t].name);
  }
  struct mr_stat_row *rows = (struct mr_stat_row *)(void *)(stats->base + dir->rows_off);
  for (uint32_t i = 0; i < mr_stat_field_cnt; i++) {
    const struct mr_stat_field *f = &mr_stat_fields[i];
    struct mr_stat_row *row = &rows[i];
    row->id = i + 1;
    row->kind = f->kind;
    row->unit = f->unit;
    row->table = f->table;
    row->sz = f->sz;
    row->off = f->off;
    put_text(row->label, sizeof row->label, f->label);
    /* partner: the acquire load in mr_attach_memory of attach/attach.c */
    atomic_store_explicit(&row->state, 1, memory_order_release);
  }
}

static void fill_entries(struct mr_stats *stats, const struct mr_stats_conf *conf) {
  for (uint32_t i = 0; i < conf->node_cnt; i++) {
    const struct mr_stats_node_conf *from = &conf->nodes[i];
    struct mr_node_stat *node = &stats->nodes[i];
    put_text(node->name, sizeof node->name, from->name);
    put_text(node->type, sizeof node->type, from->type);
    node->instance = from->instance;
    node->worker = from->worker;
    node->kind = from->kind;
    node->input = from->input;
    node->flags = from->internal ? MR_STAT_NODE_INTERNAL : 0;
    mr_stat_set_time(&node->watermark_us, INT64_MIN);
  }
  for (uint32_t i = 0; i < conf->worker_cnt; i++)
    mr_stat_set(&stats->workers[i].cpu, (uint64_t)INT64_C(-1));
  for (uint32_t i = 0; i < conf->link_cnt; i++) {
    stats->links[i].from = conf->links[i].from;
    stats->links[i].to = conf->links[i].to;
    stats->links[i].capacity = conf->links[i].capacity;
  }
  for (uint32_t i = 0; i < conf->path_cnt; i++) {
    stats->paths[i].from = conf->paths[i].from;
    stats->paths[i].to = conf->paths[i].to;
  }
  for (uint32_t i = 0; i < conf->partition_cnt; i++) {
    stats->partitions[i].node = conf->partitions[i].node;
    stats->partitions[i].idx = conf->partitions[i].idx;
    mr_stat_set_time(&stats->partitions[i].frontier_us, INT64_MIN);
  }
}

void mr_stats_init(struct mr_stats *stats, uint8_t *base, uint64_t off,
                   const struct mr_stats_conf *conf) {
  MR_ASSERT(((uintptr_t)base + off) % MR_STAT_ALIGN == 0);
  struct layout l;
  lay_out(&l, conf);
  memset(stats, 0, sizeof *stats);
  uint8_t *body = base + off;
  stats->base = base;
  stats->dir = (void *)body;
  stats->tables = (void *)(body + l.tables_off);
  stats->nodes = (void *)(body + l.off[MR_STAT_NODES]);
  stats->workers = (void *)(body + l.off[MR_STAT_WORKERS]);
  stats->links = (void *)(body + l.off[MR_STAT_LINKS]);
  stats->paths = (void *)(body + l.off[MR_STAT_PATHS]);
  stats->partitions = (void *)(body + l.off[MR_STAT_PARTITIONS]);
  stats->errors = (void *)(body + l.off[MR_STAT_ERRORS]);
  stats->parts = (void *)(body + l.off[MR_STAT_PARTS]);
  stats->counters = (void *)(body + l.off[MR_STAT_COUNTERS]);
  stats->node_cnt = conf->node_cnt;
  stats->worker_cnt = conf->worker_cnt;
  stats->link_cnt = conf->link_cnt;
  stats->path_cnt = conf->path_cnt;
  stats->partition_cnt = conf->partition_cnt;
  stats->part_max = l.cnt[MR_STAT_PARTS];
  stats->counter_max = l.cnt[MR_STAT_COUNTERS];
  fill_directory(stats, off, &l, conf);
  fill_entries(stats, conf);
  if (l.cnt[MR_STAT_PLAN]) memcpy(body + l.off[MR_STAT_PLAN], conf->plan, l.cnt[MR_STAT_PLAN]);
}

uint64_t mr_stats_layout_hash(const struct mr_stats *stats) {
  const struct mr_stat_directory *dir = stats->dir;
  uint64_t h = mr_hash_bytes(dir, sizeof *dir);
  h = mr_hash_combine(h, mr_hash_bytes(stats->tables, (size_t)dir->table_cnt * dir->table_stride));
  return mr_hash_combine(
      h, mr_hash_bytes(stats->base + dir->rows_off, (size_t)dir->row_cnt * dir->row_stride));
}

void mr_stats_add_part(struct mr_stats *stats, const char *label, uint64_t bytes, bool lazy) {
  uint32_t cnt = atomic_load_explicit(&stats->part_cnt, memory_order_relaxed), i = 0;
  char text[MR_STAT_LABEL_SZ] = {0};
  put_text(text, sizeof text, label);
  for (; i < cnt; i++)
    if (stats->parts[i].lazy == lazy && !strcmp(stats->parts[i].label, text)) break;
  if (i == stats->part_max) i--; /* all are taken: the last one is "other" */
  struct mr_part_stat *part = &stats->parts[i];
  if (i == stats->part_max - 1 && strcmp(part->label, text) != 0) {
    memset(part->label, 0, sizeof part->label);
    put_text(part->label, sizeof part->label, part->cnt ? "other" : text);
    if (!part->cnt) part->lazy = lazy;
  } else if (i == cnt) {
    put_text(part->label, sizeof part->label, text);
    part->lazy = lazy;
  }
  part->bytes += bytes;
  part->cnt++;
  if (i == cnt) atomic_store_explicit(&stats->part_cnt, cnt + 1, memory_order_relaxed);
}

/* Stores a word after all words before it. */
static void put_after(_Atomic uint64_t *word, uint64_t value) {
  /* partner: the acquire load in copy_words of attach/snapshot.c: a new word seen, begun is seen */
  atomic_store_explicit(word, value, memory_order_release);
}

_Atomic uint64_t *mr_stats_add_counter(struct mr_stats *stats, uint32_t node, const char *label,
                                       enum mr_stat_kind kind, enum mr_stat_unit unit) {
  uint32_t i = atomic_load_explicit(&stats->counter_cnt, memory_order_relaxed);
  do {
    if (i >= stats->counter_max) return NULL;
  } while (!atomic_compare_exchange_weak_explicit(&stats->counter_cnt, &i, i + 1,
                                                  memory_order_relaxed, memory_order_relaxed));
  struct mr_counter_stat *counter = &stats->counters[i];
  struct mr_counter_stat form = {
      .id = i + 1, .kind = (uint16_t)kind, .unit = (uint16_t)unit, .node = node};
  put_text(form.label, sizeof form.label, label);
  /* by words, because an observer may be copying */
  _Atomic uint64_t *words = (_Atomic uint64_t *)(void *)counter;
  for (size_t w = 1; w < sizeof form / 8; w++) {
    uint64_t word;
    memcpy(&word, (const char *)&form + w * 8, 8);
    mr_stat_set(&words[w], word);
  }
  put_after(&counter->state, 1);
  return &counter->value;
}

/* Writes text (zero-padded) into a field of words. */
static void put_words(_Atomic uint64_t *words, uint32_t cnt, const char *text) {
  char buf[MR_STAT_ERROR_TEXT_SZ] = {0};
  MR_ASSERT(cnt * 8 <= sizeof buf);
  memcpy(buf, text, strnlen(text, cnt * 8 - 1));
  for (uint32_t i = 0; i < cnt; i++) {
    uint64_t word;
    memcpy(&word, buf + i * 8, 8);
    put_after(&words[i], word);
  }
}

void mr_stats_error(struct mr_stats *stats, uint32_t writer, uint32_t node, const char *code,
                    const char *text, uint64_t count, int64_t wall_us) {
  MR_ASSERT(writer <= stats->worker_cnt);
  if (!code) code = "";
  struct mr_error_stat *own = &stats->errors[writer * MR_STAT_ERRORS_PER_WRITER], *slot = own;
  uint64_t hash = mr_hash_combine(mr_hash_bytes(text, strlen(text)), node);
  hash = mr_hash_combine(hash, mr_hash_bytes(code, strlen(code)));
  for (uint32_t i = 0; i < MR_STAT_ERRORS_PER_WRITER; i++) {
    struct mr_error_stat *e = &own[i];
    uint64_t seen = mr_stat_get(&e->count);
    if (seen && mr_stat_get(&e->hash) == hash) {
      mr_stat_add(&e->count, count);
      mr_stat_set_time(&e->last_us, wall_us);
      return;
    }
    if (mr_stat_get(&slot->count) &&
        (!seen || (int64_t)mr_stat_get(&e->last_us) < (int64_t)mr_stat_get(&slot->last_us)))
      slot = e;
  }
  uint64_t turn = mr_stat_get(&slot->begun) + 1;
  mr_stat_set(&slot->begun, turn);
  put_after(&slot->count, count);
  put_after(&slot->first_us, (uint64_t)wall_us);
  put_after(&slot->last_us, (uint64_t)wall_us);
  put_after(&slot->node, node == UINT32_MAX ? UINT64_MAX : node);
  put_after(&slot->hash, hash);
  put_words(slot->code, MR_STAT_ERROR_CODE_SZ / 8, code);
  put_words(slot->text, MR_STAT_ERROR_TEXT_SZ / 8, text);
  put_after(&slot->done, turn);
}
