/* SPDX-License-Identifier: Apache-2.0 */
#include "format/json_private.h"

uint8_t *mr_json_list_open(struct mr_json *json, const struct mr_fill_col *col, uint32_t cnt,
                           uint32_t null_cnt, struct mr_list *out, uint64_t **valid) {
  uint64_t words = null_cnt ? mr_bitmap_words(cnt) : 0;
  uint64_t sz = words * 8 + (uint64_t)cnt * mr_value_elem_sz(col->elem);
  memset(out, 0, sizeof *out);
  uint8_t *p =
      sz > UINT32_MAX ? NULL : mr_batch_heap(json->fill.pool, json->fill.batch, (uint32_t)sz);
  if (!p) return NULL;
  memset(p, 0, words * 8);
  *valid = words ? (uint64_t *)(void *)p : NULL;
  p += words * 8;
  out->cnt = cnt;
  out->has_nulls = words != 0;
  out->off = (uint64_t)(p - json->fill.base);
  return p;
}

bool mr_json_list_put(struct mr_json *json, const struct mr_fill_col *col, uint8_t *data,
                      uint64_t *valid, uint32_t e, const struct mr_json_value *v) {
  uint32_t sz = mr_value_elem_sz(col->elem);
  uint8_t *dst = data + (size_t)e * sz;
  if (!v) {
    memset(dst, 0, sz);
    return true;
  }
  if (valid) mr_bit_set(valid, e);
  switch (col->elem) {
  case MR_VALUE_BOOL: *dst = v->b; return true;
  case MR_VALUE_CODE: *dst = v->code; return true;
  case MR_VALUE_STR:
    return mr_batch_str(json->fill.pool, json->fill.batch, v->str.p, v->str.len,
                        (struct mr_str *)(void *)dst);
  default: memcpy(dst, &v->i64, 8); return true;
  }
}

bool mr_json_list_commit(struct mr_json *json) {
  for (uint32_t i = 0; i < json->list_cnt; i++) {
    const struct mr_json_list *l = &json->lists[i];
    uint64_t *valid;
    uint8_t *data = mr_json_list_open(json, l->col, l->cnt, l->null_cnt, l->dst, &valid);
    if (!data) return false;
    for (uint32_t e = 0; e < l->cnt; e++) {
      const struct mr_json_elem *elem = &json->elems[l->first + e];
      if (!mr_json_list_put(json, l->col, data, valid, e, elem->null ? NULL : &elem->value))
        return false;
    }
  }
  return true;
}
