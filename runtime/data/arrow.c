/* SPDX-License-Identifier: Apache-2.0 */
#include "data/arrow.h"

#include <stdatomic.h>

#include "base/arena.h"
#include "base/bits.h"

#define CUT_SZ   (UINT64_C(1) << 31) /* a string's buf counts pieces of the region of this size */
#define SELECTED "_selected"

/* What one export owns: the memory of all its parts, freed when the last of them is released. */
struct holder {
  struct mr_arena arena;
  _Atomic uint32_t parts;
  mr_arrow_done_fn done;
  void *ctx;
};

static struct holder *holder_new(mr_arrow_done_fn done, void *ctx) {
  struct mr_arena arena = {0};
  struct holder *h = MR_NEW(&arena, struct holder, 1);
  h->done = done;
  h->ctx = ctx;
  h->arena = arena;
  return h;
}

static void holder_drop(struct holder *h) {
  /* acq_rel: release so that this part's use is over before, acquire so that the last one sees all
   * of it */
  if (atomic_fetch_sub_explicit(&h->parts, 1, memory_order_acq_rel) != 1) return;
  struct mr_arena arena = h->arena;
  if (h->done) h->done(h->ctx);
  mr_arena_free(&arena);
}

static void holder_add(struct holder *h) {
  /* relaxed: the export is not handed out yet */
  atomic_fetch_add_explicit(&h->parts, 1, memory_order_relaxed);
}

/* ---- schema ---- */

static void release_schema(struct ArrowSchema *s) {
  for (int64_t i = 0; i < s->n_children; i++)
    if (s->children[i]->release) s->children[i]->release(s->children[i]);
  if (s->dictionary && s->dictionary->release) s->dictionary->release(s->dictionary);
  s->release = NULL;
  holder_drop(s->private_data);
}

static void fill_schema(struct holder *h, struct ArrowSchema *s, const char *format,
                        const char *name) {
  *s = (struct ArrowSchema){.format = format,
                            .name = mr_arena_strdup(&h->arena, name),
                            .flags = ARROW_FLAG_NULLABLE,
                            .release = release_schema,
                            .private_data = h};
  holder_add(h);
}

static struct ArrowSchema *add_schemas(struct holder *h, struct ArrowSchema *s, uint32_t cnt) {
  struct ArrowSchema *all = MR_NEW(&h->arena, struct ArrowSchema, cnt);
  s->children = MR_NEW(&h->arena, struct ArrowSchema *, cnt);
  s->n_children = cnt;
  for (uint32_t i = 0; i < cnt; i++) s->children[i] = &all[i];
  return all;
}

static const char *format_of(enum mr_type type) {
  switch (type) {
  case MR_TYPE_BOOL: return "b";
  case MR_TYPE_DOUBLE: return "g";
  case MR_TYPE_STRING: return "vu";
  case MR_TYPE_TIMESTAMP: return "tsu:UTC";
  case MR_TYPE_DURATION: return "tDu";
  case MR_TYPE_LIST: return "+l";
  default: return "l";
  }
}

/* A value of a scalar type: the column's own, or a list's element. */
static void fill_scalar_schema(struct holder *h, struct ArrowSchema *s, enum mr_type type,
                               const struct mr_enum *codes, const char *name) {
  fill_schema(h, s, codes ? "C" : format_of(type), name);
  if (!codes) return;
  s->dictionary = MR_NEW(&h->arena, struct ArrowSchema, 1);
  fill_schema(h, s->dictionary, "u", "");
}

static bool is_exported(const struct mr_schema *schema, const struct mr_view *view, uint32_t col) {
  return !schema->fields[col].hidden && view->cols[col].data;
}

static uint32_t exported_cnt(const struct mr_schema *schema, const struct mr_view *view) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < schema->cnt; i++) cnt += is_exported(schema, view, i);
  return cnt;
}

void mr_arrow_export_schema(const struct mr_schema *schema, const struct mr_view *view,
                            struct ArrowSchema *out) {
  struct holder *h = holder_new(NULL, NULL);
  uint32_t cnt = exported_cnt(schema, view);
  fill_schema(h, out, "+s", "");
  out->flags = 0;
  struct ArrowSchema *child = add_schemas(h, out, cnt + 1);
  for (uint32_t i = 0; i < schema->cnt; i++) {
    const struct mr_field *f = &schema->fields[i];
    if (!is_exported(schema, view, i)) continue;
    if (f->type == MR_TYPE_LIST) {
      fill_schema(h, child, "+l", f->name);
      fill_scalar_schema(h, add_schemas(h, child, 1), f->elem, f->codes, "item");
    } else {
      fill_scalar_schema(h, child, f->type, f->codes, f->name);
    }
    child++;
  }
  fill_schema(h, child, "b", SELECTED);
  child->flags = 0;
}

/* ---- rows ---- */

static void release_array(struct ArrowArray *a) {
  for (int64_t i = 0; i < a->n_children; i++)
    if (a->children[i]->release) a->children[i]->release(a->children[i]);
  if (a->dictionary && a->dictionary->release) a->dictionary->release(a->dictionary);
  a->release = NULL;
  holder_drop(a->private_data);
}

/* An array with buffer_cnt buffers, the first of which is its validity. */
static void fill_array(struct holder *h, struct ArrowArray *a, int64_t length,
                       const uint64_t *valid, uint32_t buffer_cnt) {
  *a = (struct ArrowArray){.length = length,
                           .null_count = valid ? -1 : 0,
                           .n_buffers = buffer_cnt,
                           .buffers = MR_NEW(&h->arena, const void *, buffer_cnt),
                           .release = release_array,
                           .private_data = h};
  a->buffers[0] = valid;
  holder_add(h);
}

static struct ArrowArray *add_arrays(struct holder *h, struct ArrowArray *a, uint32_t cnt) {
  struct ArrowArray *all = MR_NEW(&h->arena, struct ArrowArray, cnt);
  a->children = MR_NEW(&h->arena, struct ArrowArray *, cnt);
  a->n_children = cnt;
  for (uint32_t i = 0; i < cnt; i++) a->children[i] = &all[i];
  return all;
}

/* Views as they are; the buffers are the pieces of the region, each as long as some view needs it.
 */
static void fill_strings(struct holder *h, struct ArrowArray *a, const struct mr_region *region,
                         const struct mr_str *strs, const uint64_t *valid, uint32_t cnt) {
  uint32_t cuts = (uint32_t)((region->reserved_sz + CUT_SZ - 1) / CUT_SZ);
  int64_t *sizes = MR_NEW(&h->arena, int64_t, cuts);
  for (uint32_t i = 0; i < cnt; i++) {
    if (strs[i].len <= MR_STR_INLINE || (valid && !mr_bit_get(valid, i))) continue;
    int64_t end = (int64_t)strs[i].u.ref.off + strs[i].len, *sz = &sizes[strs[i].u.ref.buf];
    if (end > *sz) *sz = end;
  }
  fill_array(h, a, cnt, valid, 2 + cuts + 1);
  a->buffers[1] = strs;
  for (uint32_t i = 0; i < cuts; i++) a->buffers[2 + i] = region->base + i * CUT_SZ;
  a->buffers[2 + cuts] = sizes;
}

static void fill_dictionary(struct holder *h, struct ArrowArray *a, const struct mr_enum *codes) {
  struct ArrowArray *d = a->dictionary = MR_NEW(&h->arena, struct ArrowArray, 1);
  int32_t *ends = MR_NEW(&h->arena, int32_t, codes->cnt + 1);
  for (uint32_t i = 0; i < codes->cnt; i++) ends[i + 1] = ends[i] + (int32_t)codes->lens[i];
  char *bytes = mr_arena_alloc(&h->arena, (size_t)ends[codes->cnt] + 1);
  for (uint32_t i = 0; i < codes->cnt; i++)
    memcpy(bytes + ends[i], codes->texts[i], codes->lens[i]);
  fill_array(h, d, codes->cnt, NULL, 3);
  d->buffers[1] = ends;
  d->buffers[2] = bytes;
}

/* cnt values that lie as Arrow has them. */
static void fill_scalars(struct holder *h, struct ArrowArray *a, const struct mr_region *region,
                         enum mr_phys phys, const struct mr_enum *codes, const void *values,
                         const uint64_t *valid, uint32_t cnt) {
  if (phys == MR_PHYS_STR) {
    fill_strings(h, a, region, values, valid, cnt);
    return;
  }
  fill_array(h, a, cnt, valid, 2);
  a->buffers[1] = values;
  if (codes) fill_dictionary(h, a, codes);
}

/* Copies one list's elements behind the `at` elements before it; bools become bits. */
static void copy_elements(const uint8_t *base, const struct mr_list *list, enum mr_phys phys,
                          uint32_t width, uint32_t at, uint8_t *values, uint64_t *valid) {
  const uint8_t *from = base + list->off;
  const uint64_t *there =
      list->has_nulls ? (const uint64_t *)from - mr_bitmap_words(list->cnt) : NULL;
  for (uint32_t k = 0; k < list->cnt; k++) {
    if (!there || mr_bit_get(there, k)) mr_bit_set(valid, at + k);
    if (phys == MR_PHYS_BIT && from[k]) mr_bit_set((uint64_t *)values, at + k);
  }
  if (phys != MR_PHYS_BIT) memcpy(values + (size_t)at * width, from, (size_t)list->cnt * width);
}

static void fill_lists(struct holder *h, struct ArrowArray *a, const struct mr_region *region,
                       const struct mr_field *f, const struct mr_col *col, uint32_t row_cnt) {
  const struct mr_list *lists = col->data;
  struct mr_field elem = {.type = f->elem, .codes = f->codes};
  enum mr_phys phys = mr_field_phys(&elem);
  uint32_t width = phys == MR_PHYS_STR ? 16 : phys == MR_PHYS_W8 ? 8 : 1;
  int32_t *ends = MR_NEW(&h->arena, int32_t, row_cnt + 1);
  for (uint32_t i = 0; i < row_cnt; i++) {
    bool there = !col->valid || mr_bit_get(col->valid, i);
    ends[i + 1] = ends[i] + (there ? (int32_t)lists[i].cnt : 0);
  }
  uint32_t cnt = (uint32_t)ends[row_cnt];
  uint64_t *valid = MR_NEW(&h->arena, uint64_t, mr_bitmap_words(cnt) + 1);
  uint8_t *values = mr_arena_alloc(&h->arena, (size_t)cnt * width + 8);
  for (uint32_t i = 0; i < row_cnt; i++)
    if (ends[i + 1] > ends[i])
      copy_elements(region->base, &lists[i], phys, width, (uint32_t)ends[i], values, valid);
  fill_array(h, a, row_cnt, col->valid, 2);
  a->buffers[1] = ends;
  fill_scalars(h, add_arrays(h, a, 1), region, phys, f->codes, values, valid, cnt);
}

void mr_arrow_export_view(const struct mr_schema *schema, const struct mr_region *region,
                          const struct mr_view *view, mr_arrow_done_fn done, void *ctx,
                          struct ArrowArray *out) {
  struct holder *h = holder_new(done, ctx);
  uint32_t cnt = exported_cnt(schema, view), rows = view->row_cnt;
  fill_array(h, out, rows, NULL, 1);
  struct ArrowArray *child = add_arrays(h, out, cnt + 1);
  for (uint32_t i = 0; i < schema->cnt; i++) {
    const struct mr_field *f = &schema->fields[i];
    const struct mr_col *col = &view->cols[i];
    if (!is_exported(schema, view, i)) continue;
    if (f->type == MR_TYPE_LIST)
      fill_lists(h, child, region, f, col, rows);
    else
      fill_scalars(h, child, region, mr_field_phys(f), f->codes, col->data, col->valid, rows);
    child++;
  }
  uint64_t *all = MR_NEW(&h->arena, uint64_t, MR_BATCH_WORDS);
  fill_array(h, child, rows, NULL, 2);
  child->buffers[1] = mr_view_sel(view, all);
}
