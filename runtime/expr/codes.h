/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_CODES_H
#define MR_EXPR_CODES_H

/* The stable codes of expressions, in the form of graph/codes.h: 2xxx at load, 3xxx in rows. A code
 * never changes its meaning.
 *
 * X(number, NAME, "title") gives MR_EXPR_NAME == number. */

#define MR_EXPR_CODES(X)                                                                           \
  X(2001, SYNTAX, "the expression is not understood")                                              \
  X(2002, UNKNOWN_COLUMN, "no such column")                                                        \
  X(2003, UNKNOWN_FUNCTION, "no such function")                                                    \
  X(2004, ARG_COUNT, "wrong number of arguments")                                                  \
  X(2005, ARG_TYPE, "the argument has the wrong type")                                             \
  X(2006, NOT_SUPPORTED, "SQL that expressions do not have")                                       \
  X(2007, NOT_COMPARABLE, "values of these types cannot be compared")                              \
  X(2008, TOO_LARGE, "the expression is too long or nested too deeply")                            \
  X(2009, BAD_LITERAL, "the constant cannot be read")                                              \
  X(2010, WRONG_RESULT, "the expression has the wrong type")                                       \
  X(2011, AGGREGATE, "an aggregate is not possible here")                                          \
  X(2012, NOT_GROUPED, "the column is neither a key nor inside an aggregate")                      \
  X(2013, BAD_CAST, "no such cast")                                                                \
  X(2014, BAD_TEXT, "the expression is not valid UTF-8 or has a NUL byte")                         \
  X(2015, RESERVED_WORD, "a reserved word stands for a column without double quotes")              \
  X(2016, ALWAYS_FAILS, "a constant part of the expression is an error in every row")              \
  X(2017, NEVER_EQUAL, "the constant is none of the column's values")                              \
  X(2018, MIXED_TYPES, "these values have no common type")                                         \
  X(2019, AMBIGUOUS_COLUMN, "several streams have a column of that name")                          \
  X(2020, UNBOUNDED, "the query would have to keep rows without end")                              \
  X(3021, ROW_OVERFLOW, "integer overflow")                                                        \
  X(3022, ROW_DIVISION, "division by zero")                                                        \
  X(3023, ROW_BAD_CAST, "the text cannot be cast")                                                 \
  X(3024, ROW_RANGE, "the value is out of range")                                                  \
  X(3025, ROW_SCRATCH, "the strings made for one batch are too large")                             \
  X(3026, ROW_PATTERN, "bad LIKE pattern")

enum mr_expr_code {
#define MR_EXPR_CODE_ENUM(number, name, title) MR_EXPR_##name = number,
  MR_EXPR_CODES(MR_EXPR_CODE_ENUM)
#undef MR_EXPR_CODE_ENUM
};

#endif
