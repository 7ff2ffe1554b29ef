/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_JSON_DOM_H
#define MR_FORMAT_JSON_DOM_H

/* simdjson's DOM parser: checks one document and gives its tape. The tape is simdjson's documented
 * format: 64-bit words with a type in the upper 8 bits. Word 0 is the root, word 1 the first value.
 * Strings lie in a buffer: 4 bytes of length, the bytes. One thread per parser. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mr_json_dom;

enum mr_json_dom_result {
  MR_DOM_OK,
  MR_DOM_SYNTAX,
  MR_DOM_UTF8,
  MR_DOM_DEPTH,
  MR_DOM_NUMBER, /* malformed, beyond any double, or an integer beyond 64 bits */
  MR_DOM_STRING, /* a bad escape, a control character, no closing quote */
  MR_DOM_LIMIT   /* longer than the capacity, or no memory */
};

/* capacity: bytes of the longest document. NULL when there is no memory. */
struct mr_json_dom *mr_json_dom_create(size_t capacity, size_t depth_max);
void mr_json_dom_destroy(struct mr_json_dom *dom);

/* 64 bytes behind p + len must be readable. On MR_DOM_OK tape and strings are valid until the next
 * call. */
enum mr_json_dom_result mr_json_dom_parse(struct mr_json_dom *dom, const char *p, size_t len,
                                          const uint64_t **tape, const uint8_t **strings);

#ifdef __cplusplus
}
#endif
#endif
