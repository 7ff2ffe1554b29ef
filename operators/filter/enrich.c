/* SPDX-License-Identifier: Apache-2.0 */
/* enrich: adds the columns of a static table to rows, by a key. Rows without a match have NULL
 * there. The table is read while the graph is planned, since its types are the columns' types, and
 * is copied into the region at the start. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/hash.h"
#include "filter/sheet.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/diag.h"
#include "graph/tree.h"
#include "operators/operators.h"
#include "worker/ctx.h"

#define DENSE_MAX 65536u /* keys apart up to which a table is an array by key */
#define NO_SLOT   UINT32_MAX

struct enrich_conf {
  const char *table, *key;
  struct mr_opt_strings fields;
  int64_t reload_us;
};

enum enrich_index {
  BY_DENSE, /* int64 keys near each other: slot = key - first */
  BY_INT64, /* hash of int64 */
  BY_CODE,  /* enum: slot by code */
  BY_TEXT   /* hash of text */
};

struct enrich_out { /* one output column: of the input (from >= 0) or of the table */
  int32_t from, table;
};

/* Values lie by slot; slot slot_cnt is that of rows without a match. */
struct enrich_data {
  struct mr_sheet table;
  struct enrich_out *outs;
  uint32_t out_cnt;
  int32_t key, table_key; /* columns of the input and of the table */
  enum enrich_index index;
  int64_t first; /* BY_DENSE: key of slot 0 */
  uint32_t slot_cnt;
  uint32_t *slot_row;  /* row of the table, NO_SLOT: none */
  uint32_t *hash_slot; /* hash tables: slot + 1, 0: free; hash_mask + 1 entries */
  uint32_t hash_mask;
  uint32_t code_slot[256]; /* BY_CODE */
};

struct enrich_values {  /* one column of the table in the region */
  const void *data;     /* int64_t, double, struct mr_str, or uint8_t of bool */
  const uint8_t *there; /* per slot; NULL: all slots but that without match have a value */
};

struct enrich {
  struct enrich_values *values; /* by output column */
  const struct mr_str *texts;   /* BY_TEXT: key by slot */
  const int64_t *keys;          /* BY_INT64: the same */
  const uint32_t *hash_slot;    /* as the data's, in the region */
  struct mr_col *cols;
  struct mr_view view;
  uint32_t slots[MR_BATCH_ROWS];
};

static const struct mr_opt enrich_opts[] = {
    {"table", MR_OPT_STRING, MR_OPT_AT(struct enrich_conf, table), .required = true,
     .help = "file of the table: CSV with a header, or NDJSON", .example = "campaigns.csv"},
    {"key", MR_OPT_NAME, MR_OPT_AT(struct enrich_conf, key), .required = true,
     .help = "column of the input and of the table that joins them"},
    {"fields", MR_OPT_NAMES, MR_OPT_AT(struct enrich_conf, fields),
     .help = "columns of the table that are added; all but the key unless given"},
    {"reload", MR_OPT_DURATION_US, MR_OPT_AT(struct enrich_conf, reload_us), .since = MR_OPT_LATER,
     .help = "reads the table again so often"},
    MR_OPT_END};

/* ---- plan: columns ---- */

static struct mr_tree *option(const struct mr_op_plan *p, const char *name) {
  return mr_tree_get(p->tree, name);
}

static int unknown_column(struct mr_op_plan *p, struct mr_tree *at, const struct mr_sheet *table,
                          const char *name) {
  const char *names[MR_COLUMNS_MAX + 1] = {NULL};
  for (uint32_t c = 0; c < table->column_cnt; c++) names[c] = table->columns[c].name;
  struct mr_diag *diag = mr_diag_error(p->diags, MR_CODE_UNKNOWN_COLUMN, mr_tree_span(at),
                                       "the table has no column \"%s\"", name);
  const char *near = mr_opt_nearest(name, names);
  if (near) mr_diag_label(diag, "did you mean \"%s\"?", near);
  return MR_ERR_CONF;
}

/* Reads the table. With no_inputs and no such file it is empty, of string columns that the options
 * name. */
static int read_table(struct mr_op_plan *p, struct enrich_data *data) {
  const struct enrich_conf *conf = p->conf;
  struct mr_sheet *table = &data->table;
  if (p->plan->no_inputs && access(conf->table, R_OK)) {
    table->columns = MR_NEW(p->arena, struct mr_sheet_column, conf->fields.cnt + 1);
    table->columns[table->column_cnt++] =
        (struct mr_sheet_column){.name = conf->key, .type = MR_TYPE_STRING};
    for (uint32_t i = 0; i < conf->fields.cnt; i++)
      table->columns[table->column_cnt++] =
          (struct mr_sheet_column){.name = conf->fields.items[i].text, .type = MR_TYPE_STRING};
    return MR_OK;
  }
  struct mr_error err;
  int rc = mr_sheet_read(p->arena, conf->table, table, &err);
  if (!rc) return MR_OK;
  int code = rc == MR_ERR_IO ? MR_CODE_NO_INPUT : MR_CODE_BAD_TABLE;
  return mr_op_error(p, option(p, "table"), code, "%s", err.text);
}

static int add_table_column(struct mr_op_plan *p, struct enrich_data *data, struct mr_schema *s,
                            uint32_t c, struct mr_tree *at) {
  const struct mr_sheet_column *column = &data->table.columns[c];
  const char *name = column->name;
  if (!mr_opt_name_valid(name, strlen(name)))
    return mr_op_error(p, at, MR_CODE_BAD_NAME,
                       "the table's column \"%s\" is no name; list others under fields", name);
  if (mr_schema_find(p->in, name, strlen(name)) >= 0)
    return mr_op_error(p, at, MR_CODE_KEYS_CLASH,
                       "the input has a column %s too; list others under fields", name);
  if (s->cnt >= MR_COLUMNS_MAX)
    return mr_op_error(p, at, MR_CODE_OUT_OF_RANGE, "more than %u columns", MR_COLUMNS_MAX);
  s->fields[s->cnt] = (struct mr_field){.name = name, .type = column->type, .optional = true};
  data->outs[s->cnt++] = (struct enrich_out){-1, (int32_t)c};
  return MR_OK;
}

static int plan_fields(struct mr_op_plan *p, struct enrich_data *data, struct mr_schema *s) {
  const struct enrich_conf *conf = p->conf;
  int rc = MR_OK;
  for (uint32_t i = 0; i < conf->fields.cnt; i++) {
    const struct mr_opt_string *field = &conf->fields.items[i];
    int32_t c = mr_sheet_find(&data->table, field->text);
    if (c < 0)
      rc = unknown_column(p, field->at, &data->table, field->text);
    else if (add_table_column(p, data, s, (uint32_t)c, field->at))
      rc = MR_ERR_CONF;
  }
  for (uint32_t c = 0; c < data->table.column_cnt && !conf->fields.cnt; c++)
    if ((int32_t)c != data->table_key && add_table_column(p, data, s, c, option(p, "table")))
      rc = MR_ERR_CONF;
  return rc;
}

/* The input's visible columns, those of the table, then event time if it is a hidden one. */
static int plan_columns(struct mr_op_plan *p, struct enrich_data *data) {
  uint32_t max = p->in->cnt + data->table.column_cnt + 1;
  struct mr_schema *s = mr_op_schema(p, max);
  data->outs = MR_NEW(p->arena, struct enrich_out, max);
  for (s->cnt = 0; s->cnt < p->in->visible_cnt; s->cnt++) {
    s->fields[s->cnt] = p->in->fields[s->cnt];
    data->outs[s->cnt] = (struct enrich_out){(int32_t)s->cnt, -1};
  }
  int rc = plan_fields(p, data, s);
  int32_t et = p->in->event_time;
  s->visible_cnt = s->cnt;
  s->event_time = et;
  if (et >= (int32_t)p->in->visible_cnt) {
    s->event_time = (int32_t)s->cnt;
    s->fields[s->cnt] = p->in->fields[et];
    data->outs[s->cnt++] = (struct enrich_out){et, -1};
  }
  data->out_cnt = s->cnt;
  struct mr_op_out *out = &p->outs[MR_OUT_MAIN];
  out->schema = s;
  out->own_batches = true;
  out->own = MR_NEW(p->arena, bool, s->cnt + 1);
  for (uint32_t c = 0; c < s->cnt; c++) out->own[c] = data->outs[c].from < 0;
  return rc;
}

/* ---- plan: index ---- */

static uint64_t text_bytes(const struct mr_sheet_column *column, uint32_t row_cnt) {
  uint64_t sum = 0;
  for (uint32_t r = 0; r < row_cnt; r++)
    if (column->cells[r].kind == MR_SHEET_TEXT && column->cells[r].len > MR_STR_INLINE)
      sum += column->cells[r].len;
  return sum;
}

/* Bytes of a column of that type, by slot, with the flags which slots have a value. */
static uint64_t column_bytes(const struct enrich_data *data, uint32_t column, enum mr_type as) {
  uint64_t slots = data->slot_cnt + 1ull, width = as == MR_TYPE_BOOL ? 1 : 8;
  if (as == MR_TYPE_STRING) width = sizeof(struct mr_str);
  uint64_t texts =
      as == MR_TYPE_STRING ? text_bytes(&data->table.columns[column], data->table.row_cnt) : 0;
  return mr_align_up(slots * (width + 1) + texts, 4096);
}

static int bad_key(struct mr_op_plan *p, const struct enrich_data *data, uint32_t row,
                   const char *why) {
  const struct enrich_conf *conf = p->conf;
  return mr_op_error(p, option(p, "table"), MR_CODE_BAD_TABLE, "%s:%u: the key %s %s", conf->table,
                     data->table.lines[row], conf->key, why);
}

static uint64_t row_hash(const struct enrich_data *data, uint32_t row, int64_t *key,
                         const char **text, uint32_t *len) {
  const struct mr_sheet_column *column = &data->table.columns[data->table_key];
  if (data->index == BY_TEXT || data->index == BY_CODE) {
    mr_sheet_text(column, row, text, len);
    return mr_hash_bytes(*text, *len);
  }
  mr_sheet_int64(column, row, key);
  return mr_hash_u64((uint64_t)*key);
}

/* A hash table over the rows, which also finds keys that are there twice. */
static int plan_hash(struct mr_op_plan *p, struct enrich_data *data) {
  uint32_t cnt = data->table.row_cnt;
  data->hash_mask = (uint32_t)mr_pow2_up((uint64_t)cnt * 2 + 1) - 1;
  data->hash_slot = MR_NEW(p->arena, uint32_t, data->hash_mask + 1ul);
  for (uint32_t r = 0; r < cnt; r++) {
    int64_t key = 0, other_key = 0;
    const char *text = NULL, *other_text = NULL;
    uint32_t len = 0, other_len = 0;
    uint32_t at = (uint32_t)row_hash(data, r, &key, &text, &len) & data->hash_mask;
    for (; data->hash_slot[at]; at = (at + 1) & data->hash_mask) {
      row_hash(data, data->hash_slot[at] - 1, &other_key, &other_text, &other_len);
      if (key == other_key && len == other_len && (!len || !memcmp(text, other_text, len)))
        return bad_key(p, data, r, "is there before");
    }
    data->hash_slot[at] = r + 1;
  }
  return MR_OK;
}

/* Slots are rows of the table; with dense keys, keys. */
static void plan_slots(struct mr_op_plan *p, struct enrich_data *data) {
  const struct mr_sheet_column *column = &data->table.columns[data->table_key];
  uint32_t cnt = data->table.row_cnt;
  int64_t lo = INT64_MAX, hi = INT64_MIN, key;
  for (uint32_t r = 0; r < cnt && data->index == BY_INT64; r++) {
    mr_sheet_int64(column, r, &key);
    lo = key < lo ? key : lo;
    hi = key > hi ? key : hi;
  }
  if (data->index == BY_INT64 && cnt && (uint64_t)hi - (uint64_t)lo < DENSE_MAX) {
    data->index = BY_DENSE;
    data->first = lo;
    data->slot_cnt = (uint32_t)(hi - lo) + 1;
    data->slot_row = MR_NEW(p->arena, uint32_t, data->slot_cnt);
    memset(data->slot_row, 0xff, data->slot_cnt * sizeof(uint32_t));
    for (uint32_t r = 0; r < cnt; r++) {
      mr_sheet_int64(column, r, &key);
      data->slot_row[key - lo] = r;
    }
    return;
  }
  data->slot_cnt = cnt;
  data->slot_row = MR_NEW(p->arena, uint32_t, cnt + 1);
  for (uint32_t r = 0; r < cnt; r++) data->slot_row[r] = r;
}

static void plan_codes(const struct mr_enum *codes, struct enrich_data *data) {
  const struct mr_sheet_column *column = &data->table.columns[data->table_key];
  for (uint32_t i = 0; i < 256; i++) data->code_slot[i] = data->slot_cnt;
  for (uint32_t r = 0; r < data->table.row_cnt; r++) {
    const char *text;
    uint32_t len;
    mr_sheet_text(column, r, &text, &len);
    for (uint32_t i = 0; i < codes->cnt; i++)
      if (codes->lens[i] == len && !memcmp(codes->texts[i], text, len)) data->code_slot[i] = r;
  }
}

static int plan_index(struct mr_op_plan *p, struct enrich_data *data) {
  const struct mr_field *key = &p->in->fields[data->key];
  const struct mr_sheet_column *column = &data->table.columns[data->table_key];
  int64_t value;
  const char *text;
  uint32_t len;
  if (key->type != MR_TYPE_INT64 && key->type != MR_TYPE_STRING)
    return mr_op_error(p, option(p, "key"), MR_CODE_WRONG_TYPE,
                       "%s is %s; the key of a table is int64 or string", key->name,
                       mr_type_name(key->type));
  bool number = key->type == MR_TYPE_INT64;
  for (uint32_t r = 0; r < data->table.row_cnt; r++) {
    if (number && (column->type == MR_TYPE_BOOL || !mr_sheet_int64(column, r, &value)))
      return bad_key(p, data, r, "is no int64, as it is in the input");
    if (!number && !mr_sheet_text(column, r, &text, &len))
      return bad_key(p, data, r, "is no string, as it is in the input");
  }
  data->index = number ? BY_INT64 : key->codes ? BY_CODE : BY_TEXT;
  int rc = plan_hash(p, data);
  if (rc) return rc;
  plan_slots(p, data);
  if (data->index == BY_CODE) plan_codes(key->codes, data);
  return MR_OK;
}

/* What the table takes in the region, columns that nobody reads included. */
static uint64_t table_bytes(const struct mr_schema *s, const struct enrich_data *data) {
  uint64_t sum = (data->hash_mask + 1ull) * sizeof(uint32_t) +
                 column_bytes(data, (uint32_t)data->table_key, MR_TYPE_STRING);
  for (uint32_t c = 0; c < data->out_cnt; c++)
    if (data->outs[c].table >= 0)
      sum += column_bytes(data, (uint32_t)data->outs[c].table, s->fields[c].type);
  return sum;
}

static int enrich_plan(struct mr_op_plan *p) {
  const struct enrich_conf *conf = p->conf;
  struct enrich_data *data = MR_NEW(p->arena, struct enrich_data, 1);
  struct mr_opt_string key = {conf->key, (uint32_t)strlen(conf->key), option(p, "key")};
  data->key = mr_op_column(p, &key);
  p->data = data;
  if (read_table(p, data)) return MR_ERR_CONF;
  data->table_key = mr_sheet_find(&data->table, conf->key);
  if (data->table_key < 0) return unknown_column(p, key.at, &data->table, conf->key);
  if (data->key < 0 || plan_columns(p, data) || plan_index(p, data)) return MR_ERR_CONF;
  p->state_max = table_bytes(p->outs[MR_OUT_MAIN].schema, data);
  return MR_OK;
}

static void enrich_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                        bool *in_need) {
  const struct enrich_data *data = p->data;
  const bool *need = out_need[MR_OUT_MAIN];
  for (uint32_t c = 0; c < data->out_cnt; c++)
    if (need && need[c]) in_need[data->outs[c].from >= 0 ? data->outs[c].from : data->key] = true;
}

/* ---- start: the table in the region ---- */

static struct mr_str place_text(struct mr_op_ctx *ctx, char **heap, const char *text,
                                uint32_t len) {
  if (len <= MR_STR_INLINE) return mr_str_make(text, len, ctx->region->base);
  char *to = *heap;
  memcpy(to, text, len);
  *heap += len;
  return mr_str_make(to, len, ctx->region->base);
}

/* Puts the cell of a slot into the column's array; false: NULL. */
static bool place_cell(struct mr_op_ctx *ctx, const struct mr_sheet_column *column, uint32_t slot,
                       uint32_t row, void *data, char **heap) {
  const char *text;
  uint32_t len;
  int64_t i64;
  switch (column->type) {
  case MR_TYPE_INT64: return mr_sheet_int64(column, row, (int64_t *)data + slot);
  case MR_TYPE_DOUBLE: return mr_sheet_double(column, row, (double *)data + slot);
  case MR_TYPE_BOOL:
    if (!mr_sheet_int64(column, row, &i64)) return false;
    ((uint8_t *)data)[slot] = (uint8_t)i64;
    return true;
  default:
    if (!mr_sheet_text(column, row, &text, &len)) return false;
    ((struct mr_str *)data)[slot] = place_text(ctx, heap, text, len);
    return true;
  }
}

static int place_column(struct mr_op_ctx *ctx, uint32_t column, enum mr_type as,
                        struct enrich_values *values, struct mr_error *err) {
  const struct enrich_data *data = ctx->data;
  struct mr_sheet_column read = data->table.columns[column];
  uint64_t off = mr_region_reserve(ctx->region_rw, column_bytes(data, column, as), "table");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for the table's column %s", read.name);
  uint64_t slots = data->slot_cnt + 1ull, width = as == MR_TYPE_BOOL ? 1 : 8;
  if (as == MR_TYPE_STRING) width = sizeof(struct mr_str);
  uint8_t *to = mr_region_ptr(ctx->region, off), *there = to + slots * width;
  char *heap = (char *)(there + slots);
  bool whole = true;
  read.type = as;
  for (uint32_t s = 0; s < data->slot_cnt; s++) {
    if (data->slot_row[s] != NO_SLOT)
      there[s] = place_cell(ctx, &read, s, data->slot_row[s], to, &heap);
    whole &= there[s];
  }
  *values = (struct enrich_values){to, whole ? NULL : there};
  return MR_OK;
}

/* The keys and the hash table over them. */
static int place_index(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct enrich *self = ctx->self;
  const struct enrich_data *data = ctx->data;
  if (data->index == BY_DENSE || data->index == BY_CODE) return MR_OK;
  struct enrich_values keys = {0};
  int rc = place_column(ctx, (uint32_t)data->table_key,
                        data->index == BY_TEXT ? MR_TYPE_STRING : MR_TYPE_INT64, &keys, err);
  if (rc) return rc;
  uint64_t sz = (data->hash_mask + 1ull) * sizeof(uint32_t);
  uint64_t off = mr_region_reserve(ctx->region_rw, mr_align_up(sz, 4096), "table");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for the table's index");
  memcpy(mr_region_ptr(ctx->region, off), data->hash_slot, sz);
  self->hash_slot = mr_region_ptr(ctx->region, off);
  self->texts = keys.data;
  self->keys = keys.data;
  return MR_OK;
}

static int enrich_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct enrich *self = ctx->self;
  const struct enrich_data *data = ctx->data;
  const struct mr_plan_out *out = &ctx->node->outs[MR_OUT_MAIN];
  self->values = MR_NEW(ctx->arena, struct enrich_values, data->out_cnt + 1);
  self->cols = MR_NEW(ctx->arena, struct mr_col, data->out_cnt + 1);
  for (uint32_t c = 0; c < data->out_cnt; c++) {
    int32_t from = data->outs[c].table;
    if (from < 0 || !out->need[c]) continue;
    int rc = place_column(ctx, (uint32_t)from, out->schema->fields[c].type, &self->values[c], err);
    if (rc) return rc;
  }
  return place_index(ctx, err);
}

/* ---- run ---- */

static uint32_t find_int64(const struct enrich *self, const struct enrich_data *data, int64_t key) {
  uint32_t at = (uint32_t)mr_hash_u64((uint64_t)key) & data->hash_mask, slot;
  for (; (slot = self->hash_slot[at]) != 0; at = (at + 1) & data->hash_mask)
    if (self->keys[slot - 1] == key) return slot - 1;
  return data->slot_cnt;
}

static uint32_t find_text(const struct enrich *self, const struct enrich_data *data,
                          const struct mr_str *key, const uint8_t *base) {
  uint32_t at = (uint32_t)mr_hash_bytes(mr_str_data(key, base), key->len) & data->hash_mask, slot;
  for (; (slot = self->hash_slot[at]) != 0; at = (at + 1) & data->hash_mask)
    if (mr_str_equal(&self->texts[slot - 1], key, base)) return slot - 1;
  return data->slot_cnt;
}

static inline uint32_t dense_slot(const struct enrich_data *data, int64_t key) {
  uint64_t slot = (uint64_t)key - (uint64_t)data->first;
  return slot < data->slot_cnt ? (uint32_t)slot : data->slot_cnt;
}

/* The slot of each row; of rows that are not selected, any slot. */
static void find_slots(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct enrich *self = ctx->self;
  const struct enrich_data *data = ctx->data;
  const struct mr_col *key = &in->cols[data->key];
  const int64_t *wide = key->data;
  const uint8_t *codes = key->data;
  const struct mr_str *texts = key->data;
  uint32_t n = in->row_cnt, *slots = self->slots;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  switch (data->index) {
  case BY_DENSE:
    for (uint32_t r = 0; r < n; r++) slots[r] = dense_slot(data, wide[r]);
    break;
  case BY_CODE:
    for (uint32_t r = 0; r < n; r++) slots[r] = data->code_slot[codes[r]];
    break;
  default:
    for (uint32_t r = 0; r < n; r++) slots[r] = data->slot_cnt;
    MR_BITMAP_EACH(sel, mr_bitmap_words(n), row)
    slots[row] = data->index == BY_INT64 ? find_int64(self, data, wide[row])
                                         : find_text(self, data, &texts[row], ctx->region->base);
  }
  if (!key->valid) return;
  for (uint32_t r = 0; r < n; r++)
    if (!mr_bit_get(key->valid, r)) slots[r] = data->slot_cnt;
}

static void take_values(const struct mr_field *field, const struct enrich_values *values,
                        const uint32_t *slots, uint32_t n, void *to) {
  switch (mr_field_phys(field)) {
  case MR_PHYS_STR:
    for (uint32_t r = 0; r < n; r++)
      ((struct mr_str *)to)[r] = ((const struct mr_str *)values->data)[slots[r]];
    break;
  case MR_PHYS_BIT:
    memset(to, 0, MR_BATCH_ROWS / 8);
    for (uint32_t r = 0; r < n; r++)
      if (((const uint8_t *)values->data)[slots[r]]) mr_bit_set(to, r);
    break;
  default:
    for (uint32_t r = 0; r < n; r++)
      ((uint64_t *)to)[r] = ((const uint64_t *)values->data)[slots[r]];
  }
}

/* Which rows have a value; returns NULL when all have. */
static const uint64_t *take_valid(const struct enrich_data *data,
                                  const struct enrich_values *values, const uint32_t *slots,
                                  uint32_t n, uint64_t *valid) {
  uint32_t cnt = 0;
  for (uint32_t w = 0; w < mr_bitmap_words(n); w++) {
    uint32_t rows = n - w * 64 < 64 ? n - w * 64 : 64;
    uint64_t bits = 0;
    for (uint32_t i = 0; i < rows; i++) {
      uint32_t slot = slots[w * 64 + i];
      uint64_t there = values->there ? values->there[slot] : slot < data->slot_cnt;
      bits |= there << i;
    }
    valid[w] = bits;
    cnt += (uint32_t)__builtin_popcountll(bits);
  }
  return cnt == n ? NULL : valid;
}

/* The usual case in one pass: dense keys that all match, a value of 8 bytes in every slot. Only the
 * selected rows when they are few. False: not so. */
static bool take_dense(const struct enrich_data *data, const struct enrich_values *values,
                       const struct mr_view *in, uint64_t *restrict to) {
  const int64_t *keys = in->cols[data->key].data;
  const uint64_t *from = values->data;
  uint64_t first = (uint64_t)data->first, cnt = data->slot_cnt, missed = 0;
  if (in->sel && in->sel_cnt < in->row_cnt / 2) {
    MR_BITMAP_EACH(in->sel, mr_bitmap_words(in->row_cnt), row) {
      uint64_t slot = (uint64_t)keys[row] - first;
      missed |= slot >= cnt;
      to[row] = from[slot < cnt ? slot : cnt];
    }
    return !missed;
  }
  for (uint32_t r = 0; r < in->row_cnt; r++) {
    uint64_t slot = (uint64_t)keys[r] - first;
    missed |= slot >= cnt;
    to[r] = from[slot < cnt ? slot : cnt];
  }
  return !missed;
}

static void fill_own(struct mr_op_ctx *ctx, const struct mr_view *in, struct mr_batch *b) {
  struct enrich *self = ctx->self;
  const struct enrich_data *data = ctx->data;
  const struct mr_plan_out *out = &ctx->node->outs[MR_OUT_MAIN];
  const struct mr_col *key = &in->cols[data->key];
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  bool found = false;
  for (uint32_t c = 0; c < data->out_cnt; c++) {
    const struct enrich_values *values = &self->values[c];
    self->cols[c] = (struct mr_col){NULL, NULL};
    if (data->outs[c].from >= 0) self->cols[c] = in->cols[data->outs[c].from];
    if (data->outs[c].from >= 0 || !out->need[c]) continue;
    void *to = mr_pool_column(pool, b, c);
    self->cols[c].data = to;
    if (data->index == BY_DENSE && !key->valid && !values->there &&
        mr_field_phys(&out->schema->fields[c]) == MR_PHYS_W8 && take_dense(data, values, in, to))
      continue;
    if (!found) find_slots(ctx, in);
    found = true;
    take_values(&out->schema->fields[c], values, self->slots, in->row_cnt, to);
    self->cols[c].valid =
        take_valid(data, values, self->slots, in->row_cnt, mr_pool_valid(pool, b, c));
    if (self->cols[c].valid) mr_batch_set_valid(pool, b, c);
  }
}

static void enrich_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct enrich *self = ctx->self;
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  fill_own(ctx, in, b);
  mr_batch_add_base((struct mr_region *)(uintptr_t)ctx->region, b, in->batch);
  self->view = *in;
  self->view.cols = self->cols;
  self->view.batch = b;
  mr_emit_mixed(ctx, MR_OUT_MAIN, b, &self->view);
}

const struct mr_op mr_op_enrich = {
    .name = "enrich",
    .help = "adds columns of a table by a key",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .opts = enrich_opts,
    .conf_sz = sizeof(struct enrich_conf),
    .self_sz = sizeof(struct enrich),
    .plan = enrich_plan,
    .need = enrich_need,
    .init = enrich_init,
    .process = enrich_process,
};
