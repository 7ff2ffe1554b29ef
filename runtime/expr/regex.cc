/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/regex_private.h"

#include <re2/re2.h>

#include <cstring>
#include <new>

struct expr_regex {
  RE2 re;
  explicit expr_regex(const re2::StringPiece &pattern, const RE2::Options &options)
      : re(pattern, options) {}
};

extern "C" struct expr_regex *expr_regex_make(const char *pattern, size_t len, char *err,
                                              size_t err_sz) {
  err[0] = 0;
  try {
    RE2::Options options;
    options.set_log_errors(false);
    auto *regex = new expr_regex(re2::StringPiece(pattern, len), options);
    if (regex->re.ok()) return regex;
    strncat(err, regex->re.error().c_str(), err_sz - 1);
    delete regex;
  } catch (const std::bad_alloc &) {
    strncat(err, "no memory", err_sz - 1);
  }
  return nullptr;
}

extern "C" void expr_regex_free(void *regex) {
  delete static_cast<struct expr_regex *>(regex);
}

extern "C" uint32_t expr_regex_groups(const struct expr_regex *regex) {
  int cnt = regex->re.NumberOfCapturingGroups();
  return cnt > 0 ? static_cast<uint32_t>(cnt) : 0;
}

extern "C" int32_t expr_regex_group(const struct expr_regex *regex, const char *name, size_t len) {
  const auto &names = regex->re.NamedCapturingGroups();
  auto at = names.find(std::string(name, len));
  return at == names.end() ? -1 : at->second;
}

extern "C" bool expr_regex_find(const struct expr_regex *regex, const char *s, size_t len,
                                size_t from, struct expr_span *groups, uint32_t cnt) {
  re2::StringPiece text(s, len), found[EXPR_REGEX_GROUPS_MAX];
  if (!regex->re.Match(text, from, len, RE2::UNANCHORED, found, static_cast<int>(cnt)))
    return false;
  for (uint32_t i = 0; i < cnt; i++) {
    bool part = found[i].data() != nullptr;
    groups[i].off = part ? found[i].data() - s : -1;
    groups[i].len = part ? static_cast<int64_t>(found[i].size()) : 0;
  }
  return true;
}
