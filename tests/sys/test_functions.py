#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`millrace help functions`: the page in docs/ is the table that the engine works by."""

import millrace


class Functions(millrace.Case):
    def test_the_page_in_docs_is_what_the_program_says(self):
        said = self.millrace("help", "functions", "--markdown")
        self.assertEqual(said.code, 0)
        page = (millrace.ROOT / "docs/functions.md").read_text()
        self.assertEqual(page, said.out, "millrace help functions --markdown > docs/functions.md")

    def test_one_function_can_be_asked_for_by_any_of_its_names(self):
        said = self.millrace("help", "functions", "char_length")
        self.assertEqual(said.code, 0)
        self.assertIn("length(text: string) -> int64", said.out)

    def test_an_unknown_function_is_a_wrong_usage(self):
        self.assertEqual(self.millrace("help", "functions", "no_such").code, 64)


if __name__ == "__main__":
    millrace.main()
