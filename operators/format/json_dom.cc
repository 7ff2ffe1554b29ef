/* SPDX-License-Identifier: Apache-2.0 */
#include <new>

#include <simdjson.h>

#include "format/json_dom.h"

struct mr_json_dom {
  simdjson::dom::parser parser;
};

extern "C" struct mr_json_dom *mr_json_dom_create(size_t capacity, size_t depth_max) {
  mr_json_dom *dom = new (std::nothrow) mr_json_dom();
  if (!dom) return nullptr;
  /* An array at depth d needs a limit above d. */
  if (dom->parser.allocate(capacity, depth_max + 1) != simdjson::SUCCESS ||
      dom->parser.doc.allocate(capacity) != simdjson::SUCCESS) {
    delete dom;
    return nullptr;
  }
  return dom;
}

extern "C" void mr_json_dom_destroy(struct mr_json_dom *dom) {
  delete dom;
}

extern "C" enum mr_json_dom_result mr_json_dom_parse(struct mr_json_dom *dom, const char *p,
                                                     size_t len, const uint64_t **tape,
                                                     const uint8_t **strings) {
  switch (dom->parser.parse(p, len, false).error()) {
  case simdjson::SUCCESS: break;
  case simdjson::UTF8_ERROR: return MR_DOM_UTF8;
  case simdjson::DEPTH_ERROR: return MR_DOM_DEPTH;
  case simdjson::NUMBER_ERROR: return MR_DOM_NUMBER;
  case simdjson::STRING_ERROR:
  case simdjson::UNESCAPED_CHARS:
  case simdjson::UNCLOSED_STRING: return MR_DOM_STRING;
  case simdjson::CAPACITY:
  case simdjson::MEMALLOC: return MR_DOM_LIMIT;
  default: return MR_DOM_SYNTAX;
  }
  *tape = dom->parser.doc.tape.get();
  *strings = dom->parser.doc.string_buf.get();
  return MR_DOM_OK;
}
