/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_DECODE_CONF_H
#define MR_FORMAT_DECODE_CONF_H

/* From the declaration of an event in a graph file to what the decoder works by. */

#include "base/arena.h"
#include "base/error.h"
#include "format/json.h"
#include "graph/op.h"

/* Reads the field's `format` and `default` into *out; needed is left false. MR_ERR_CONF with a text
 * that says what is wrong: a pattern, or a default that is no value of the type. For plan(), which
 * knows the position. */
int mr_decode_field_read(struct mr_arena *arena, const struct mr_event_field *field,
                         struct mr_decode_field *out, struct mr_error *err);

/* All fields of the event, needed set from need (by column; NULL: all). The first wrong one is the
 * error. */
int mr_decode_fields_read(struct mr_arena *arena, const struct mr_event *event, const bool *need,
                          struct mr_decode_field **out, struct mr_error *err);

#endif
