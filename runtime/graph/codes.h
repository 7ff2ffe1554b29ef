/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_CODES_H
#define MR_GRAPH_CODES_H

/* Every diagnostic's stable code and its short title. A code never changes its meaning and is never
 * used again; new ones are appended to their group. 1xxx: the file and its keys. 2xxx: expressions.
 * 3xxx: data (dead letters). 4xxx: the graph as a whole. 5xxx: the host. `explain CODE` will print
 * a page per line of this table.
 *
 * X(number, NAME, "title") gives MR_CODE_NAME == number. */

#define MR_CODES(X)                                                                                \
  X(1001, CANNOT_READ, "the file cannot be read")                                                  \
  X(1002, UNKNOWN_KEY, "unknown key")                                                              \
  X(1003, WRONG_TYPE, "the value has the wrong type")                                              \
  X(1004, OUT_OF_RANGE, "the value is out of range")                                               \
  X(1005, MISSING_KEY, "a required key is missing")                                                \
  X(1006, NOT_AVAILABLE, "known, but not available yet")                                           \
  X(1007, UNKNOWN_WORD, "the value is none of the allowed words")                                  \
  X(1008, BAD_NAME, "not a name")                                                                  \
  X(1009, KEYS_CLASH, "these keys do not go together")                                             \
  X(1010, SYNTAX, "not valid YAML")                                                                \
  X(1011, DUPLICATE_KEY, "the key occurs twice in one map")                                        \
  X(1012, TAG, "tags are not allowed")                                                             \
  X(1013, NON_STRING_KEY, "a key is not a string")                                                 \
  X(1014, MERGE_KEY, "merge keys are not allowed")                                                 \
  X(1015, TAB, "a tab is used as indentation")                                                     \
  X(1016, UNQUOTED_BRACE, "an unquoted brace or bracket inside a value")                           \
  X(1017, DOCUMENTS, "more than one YAML document")                                                \
  X(1018, BAD_UTF8, "the text is not valid UTF-8")                                                 \
  X(1019, NUL_BYTE, "the text has a NUL byte")                                                     \
  X(1020, BAD_ALIAS, "an alias names no finished anchor")                                          \
  X(1021, TOO_MANY_VALUES, "too many values")                                                      \
  X(1022, TOO_DEEP, "nested too deeply")                                                           \
  X(1023, FILE_TOO_LARGE, "the file is too large")                                                 \
  X(1024, EMPTY_FILE, "the file has no content")                                                   \
  X(1025, UNSET_VARIABLE, "a variable is not set")                                                 \
  X(1026, BAD_VARIABLE, "a ${...} reference is not understood")                                    \
  X(1027, BAD_SET, "a --set argument does not fit the graph")                                      \
  X(1028, TEXT_TOO_LONG, "a text is too long")                                                     \
  X(1029, CANNOT_READ_SECRET, "a secret cannot be read")                                           \
  X(2007, NOT_COMPARABLE, "values of these types cannot be compared")                              \
  X(3000, ROWS_IN_ERROR, "rows are in error")                                                      \
  X(4001, CYCLE, "the steps form a cycle")                                                         \
  X(4002, DANGLING_EDGE, "from names no node")                                                     \
  X(4003, BLOCKING_SINKS, "one blocking sink can stop another")                                    \
  X(4004, DUPLICATE_NAME, "two nodes have one name")                                               \
  X(4005, NO_SINKS, "the graph has no sink")                                                       \
  X(4006, UNREAD_NODE, "nobody reads the node")                                                    \
  X(4007, SCHEMA_MISMATCH, "the inputs have different columns")                                    \
  X(4008, BAD_PLACEMENT, "the node cannot run there")                                              \
  X(4009, TOO_MANY_NODES, "the graph is too large")                                                \
  X(4010, UNKNOWN_TYPE, "no operator of that type")                                                \
  X(4011, UNKNOWN_COLUMN, "no column of that name")                                                \
  X(4012, AMBIGUOUS_TYPE, "a column of an untyped event is used as two types")                     \
  X(4013, NO_INPUT, "an input does not exist")                                                     \
  X(4014, BAD_EVENT, "the event is not understood")                                                \
  X(4015, BAD_TABLE, "the table is not understood")                                                \
  X(4016, NOT_RESTARTABLE, "the source cannot go back to a checkpoint")

enum mr_code {
#define MR_CODE_ENUM(number, name, title) MR_CODE_##name = number,
  MR_CODES(MR_CODE_ENUM)
#undef MR_CODE_ENUM
};

/* The short title of a code, "unknown key" for 1002; NULL for a number that is no code. */
const char *mr_code_title(int code);

#endif
