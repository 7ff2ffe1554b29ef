/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_TEXT_PRIVATE_H
#define MR_ATTACH_TEXT_PRIVATE_H

#include <stddef.h>

/* Copies a text of at most src_sz bytes into dst as NUL-terminated printable UTF-8: control bytes
 * become '?', and all bytes beyond ASCII when the text is not valid. So nothing of a damaged
 * segment reaches a terminal. */
void mr_text_clean(char *dst, size_t dst_sz, const char *src, size_t src_sz);

#endif
