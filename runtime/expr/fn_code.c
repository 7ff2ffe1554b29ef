/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, and texts of other forms. */
#include "expr/function_private.h"

/* hex of a whole number or of a text's bytes. */
static struct expr_node *make_hex(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  if (v[0]->type == MR_TYPE_NONE) v[0] = comp_null(c, MR_TYPE_STRING, ast->args[0]);
  if (v[0]->type != MR_TYPE_INT64 && v[0]->type != MR_TYPE_STRING) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[0],
                  "hex wants an int64 or a string, this is %s", mr_type_name(v[0]->type));
    return NULL;
  }
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_SCRATCH);
  n->run = v[0]->type == MR_TYPE_INT64 ? run_number_text : run_hex_text;
  n->i = 16;
  n->makes_strings = true;
  return comp_strict(c, n);
}

/* A string, or NULL where there is none. */
static struct expr_node *make_nullable(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_SCRATCH);
  n->makes_strings = n->maybe_null = true;
  return comp_strict(c, n);
}

/* conv: a string, NULL, or more than 64 bits. */
static struct expr_node *make_conv(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_OVERFLOW);
  n->code2 = MR_EXPR_ROW_SCRATCH;
  n->makes_strings = n->maybe_null = true;
  return comp_strict(c, n);
}

/* A string, or an error value that is the text's own. */
static struct expr_node *make_decode(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_BAD_CAST);
  n->code2 = MR_EXPR_ROW_SCRATCH;
  n->makes_strings = true;
  return comp_strict(c, n);
}

static struct expr_node *make_hash(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v) {
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    if (v[i]->type == MR_TYPE_NONE) v[i] = comp_null(c, MR_TYPE_STRING, ast->args[i]);
    v[i] = comp_string(c, v[i]);
    if (v[i]->type != MR_TYPE_LIST) continue;
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[i], "%s takes no lists", ast->name);
    return NULL;
  }
  return comp_done(c, fn_node(c, f, ast, v, 0));
}

#define TEXT_NOTE "a text comes out: NULL where the bytes are not UTF-8 (Spark gives binary)"

static const struct function functions[] = {
    {"hex", "v", 's', 1, 1, make_hex, NULL, 0, 0, "x",
     "a whole number, or the bytes of a text, in hexadecimal", "hex('Aä')", "41C3A4", NULL},
    {"unhex", "s", 's', 1, 1, make_nullable, run_unhex, 0, 0, "text",
     "the text that hexadecimal digits stand for", "unhex('41C3A4')", "Aä",
     "NULL of other characters; " TEXT_NOTE},
    {"base64", "s", 's', 1, 1, fn_string, run_base64, 0, 0, "text", "its bytes in base64",
     "base64('millrace')", "bWlsbHJhY2U=", "in one line (Spark 3 breaks it every 76 letters)"},
    {"unbase64", "s", 's', 1, 1, make_nullable, run_unbase64, 0, 0, "text",
     "the text that base64 stands for", "unbase64('bWlsbHJhY2U=')", "millrace",
     "NULL of other characters; " TEXT_NOTE},
    {"bin", "i", 's', 1, 1, fn_string, run_number_text, 0, 2, "n", "a whole number in binary",
     "bin(13)", "1101", NULL},
    {"conv", "sii", 's', 3, 3, make_conv, run_conv, 0, 0, "text, from, to",
     "digits of one base written to another", "conv('ff', 16, 10)", "255",
     "64 bits unsigned, or with a sign for a base below 0, as in Spark; more is an error value"},
    {"url_encode", "s", 's', 1, 1, fn_string, run_url_encode, 0, 0, "text",
     "as a part of a URL's query", "url_encode('a b&ä')", "a+b%26%C3%A4", NULL},
    {"url_decode", "s", 's', 1, 1, make_decode, run_url_decode, 0, 0, "text",
     "the text that a part of a URL's query stands for", "url_decode('a+b%26%C3%A4')", "a b&ä",
     "an error value where it is none"},
    {"md5", "s", 's', 1, 1, fn_string, run_md5, 0, 0, "text", "MD5 of its bytes, in hexadecimal",
     "md5('millrace')", "78bce37dc29d160a3e6737d97c6f0275", NULL},
    {"sha1 sha", "s", 's', 1, 1, fn_string, run_sha1, 0, 0, "text",
     "SHA-1 of its bytes, in hexadecimal", "sha1('millrace')",
     "bb8585afdfb7db14694fefe63b578096821c398b", NULL},
    {"sha2", "si", 's', 2, 2, make_nullable, run_sha2, 0, 0, "text, bits",
     "SHA-2 of 224, 256 (or 0), 384 or 512 bits, in hexadecimal", "sha2('millrace', 256)",
     "590c910f43b1429c4ca7dd9717aabfa516bb4d0fd8dce868bb636a5a89cb9135",
     "NULL for other numbers of bits"},
    {"crc32", "s", 'i', 1, 1, fn_plain, run_crc32, 0, 0, "text", "CRC-32 of its bytes",
     "crc32('millrace')", "3896333035", NULL},
    {"xxhash64", "v", 'i', 1, FN_ANY, make_hash, run_xxhash64, 0, 0, "value, ...",
     "xxHash of 64 bits over all values", "xxhash64('millrace')", "3931908522148832174",
     "Spark's numbers, of its types bigint, double, string, boolean and timestamp; NULLs are left "
     "out"},
};

const struct function_group fn_group_code = {"Digests and encodings", functions,
                                             sizeof functions / sizeof functions[0]};
