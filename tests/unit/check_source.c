/* Databricks' source files, and what the cells of Databricks' notebooks are written in. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "notebook/databricks.h"
#include "notebook/ipynb.h"
#include "notebook/lookup.h"
#include "notebook/run_magic.h"
#include "notebook/source.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct notebook nb;
static struct problems problems = PROBLEMS_INIT;

static void
release(void)
{
	notebook_release(&nb);
	problems_release(&problems);
}

/* Reads a file of that name with that text. */
static int
read_text(const char *name, const char *text, size_t n)
{
	release();
	ck_assert_int_eq(file_replace(name, text, n), 0);
	return notebook_read(&nb, name, &problems);
}

/* All cells as text: "LINE code|", "LINE md|", with the title in brackets before the source. */
static char *
cells(void)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < nb.ncells; i++) {
		const struct cell *c = &nb.cells[i];
		struct json at = json_get(c->file.metadata, "application/vnd.databricks.v1+cell");

		buf_addf(&b, "%u %s ", c->line, c->type == CELL_CODE ? "code" : "md");
		if (at.text != NULL) {
			buf_addc(&b, json_type(json_get(at, "showTitle")) == JSON_TRUE ? '[' : '(');
			json_decode(&b, json_get(at, "title"));
			buf_addc(&b, ']');
		}
		cell_source(c, &b);
		buf_addc(&b, '|');
	}
	return buf_steal(&b);
}

#define PY "# Databricks notebook source\n"
#define NEXT "\n\n# COMMAND ----------\n\n"

static const struct {
	const char *name, *text, *cells;
} good[] = {
	/* The form that the workspace exports. */
	{"a.py", PY "x = 1" NEXT "y = 2" NEXT, "2 code x = 1|6 code y = 2|9 code |"},
	{"a.py", PY "# MAGIC %md\n# MAGIC # Title\n# MAGIC\n# MAGIC text" NEXT "1", "2 md # Title\n\ntext|9 code 1|"},
	{"a.py", PY "# MAGIC %md # Title\n# MAGIC more", "2 md # Title\nmore|"},
	{"a.py", PY "# MAGIC %md-sandbox\n# MAGIC <div>\n", "2 md <div>|"},
	{"a.py", PY "# MAGIC %md-special\n1", "2 code %md-special\n1|"},
	{"a.py", PY "# MAGIC %sql\n# MAGIC select 1\n# MAGIC", "2 code %sql\nselect 1\n|"},
	{"a.py", PY "# MAGIC %pip install a\nimport a", "2 code %pip install a\nimport a|"},
	{"a.py", PY "# DBTITLE 1,A title, with a comma\nx = 1", "3 code [A title, with a comma]x = 1|"},
	{"a.py", PY "# DBTITLE 0,\n# MAGIC %md\n# MAGIC a", "3 md (]a|"},
	{"a.py", PY "# DBTITLE 1,\xc3\xa9 \"quoted\" \\\n\n\n1", "5 code [\xc3\xa9 \"quoted\" \\]1|"},
	{"a.r", PY "# MAGIC %python\n# MAGIC 1" NEXT "x <- 1", "2 code %python\n1|7 code x <- 1|"},
	{"a.R", PY "x", "2 code x|"},
	{"a.sql", "-- Databricks notebook source\nselect 1\n\n-- COMMAND ----------\n\n-- MAGIC %md\n-- MAGIC a # COMMAND "
	    "----------\n\n-- COMMAND ----------\n\n-- DBTITLE 1,T\n-- a\nselect 2\n",
	    "2 code select 1|6 md a # COMMAND ----------|12 code [T]-- a\nselect 2|"},
	{"a.scala", "// Databricks notebook source\nval x = 1\n\n// COMMAND ----------\n\n// MAGIC %sql select 1\n",
	    "2 code val x = 1|6 code %sql select 1|"},
	/* What people, editors and formatters make of it. */
	{"a.py", PY, "2 code |"},
	{"a.py", "# Databricks notebook source", "2 code |"},
	{"a.py", PY "\n\n\n", "2 code |"},
	{"a.py", PY "# COMMAND ----------\n# COMMAND ----------", "2 code |3 code |4 code |"},
	{"a.py", PY "a\n# COMMAND ----------\nb\n# COMMAND ----------  \nc", "2 code a|4 code b|6 code c|"},
	{"a.py", PY "\n \n\nif a:\n\n\n    b\n\n \n\n# COMMAND --------------------\nc\n", "5 code if a:\n\n\n    b|13 code c|"},
	{"a.py", "\xef\xbb\xbf" PY "1\n", "2 code 1|"},
	{"a.py", "# Databricks notebook source\r\n# MAGIC %md\r\n# MAGIC a\r\n# MAGIC b\r\n\r\n# COMMAND ----------\r\n\r\nx = "
	    "1\r\ny\r\n", "2 md a\nb|8 code x = 1\ny|"},
	{"a.py", PY "    # COMMAND ----------\n# MAGICIAN\n# COMMANDER\n#COMMAND ----------\n # MAGIC a\n",
	    "2 code     # COMMAND ----------\n# MAGICIAN\n# COMMANDER\n#COMMAND ----------\n # MAGIC a|"},
	{"a.py", PY "1\n# DBTITLE 1,late\n", "2 code 1\n# DBTITLE 1,late|"},
	{"a.py", PY "# DBTITLE no\n", "2 code # DBTITLE no|"},
	{"a.py", PY "// COMMAND ----------\n-- MAGIC %md\n", "2 code // COMMAND ----------\n-- MAGIC %md|"},
	{"a.py", PY "# MAGIC\ta\n# MAGIC  b\n# MAGIC\n\n# MAGIC c\n", "2 code a\n b\n\n\nc|"},
	{"a.py", PY "s = '''\n\n# COMMAND\n'''", "2 code s = '''\n\n# COMMAND\n'''|"},
	/* The environment's description belongs to no cell, when it is one. */
	{"a.py", PY "# /// script\n# [tool.databricks.environment]\n# environment_version = \"2\"\n# ///\n# MAGIC %md\n# MAGIC a",
	    "6 md a|"},
	{"a.py", PY "# /// script\n# ///\n\n# DBTITLE 1,T\n1", "6 code [T]1|"},
	{"a.py", PY "# /// script\n# dependencies = [\n1\n# ///", "2 code # /// script\n# dependencies = [\n1\n# ///|"},
	{"a.py", PY "# /// script\n# x", "2 code # /// script\n# x|"},
	{"a.py", PY "1\n# /// script\n# ///", "2 code 1\n# /// script\n# ///|"},
};

START_TEST(reads)
{
	char *found;

	ck_assert_int_eq(read_text(good[_i].name, good[_i].text, strlen(good[_i].text)), 0);
	ck_assert_uint_eq(problems.n, 0);
	ck_assert(nb.is_source);
	ck_assert_int_eq(nb.databricks, DATABRICKS_NOTEBOOK);
	found = cells();
	ck_assert_str_eq(found, good[_i].cells);
	free(found);
	release();
}
END_TEST

static const struct {
	const char *name, *text;
	size_t n;	/* 0: all of the text */
	unsigned line, column;
	const char *message;
} bad[] = {
	{"a.py", "print(1)\n", 0, 1, 1, "not a notebook: its first line must be '# Databricks notebook source'"},
	{"a.py", "", 0, 1, 1, "not a notebook: its first line must be '# Databricks notebook source'"},
	{"a.py", "# Databricks notebook source of x\n", 0, 1, 1,
	    "not a notebook: its first line must be '# Databricks notebook source'"},
	{"a.py", " # Databricks notebook source\n", 0, 1, 1,
	    "not a notebook: its first line must be '# Databricks notebook source'"},
	{"a.py", "\n# Databricks notebook source\n", 0, 1, 1,
	    "not a notebook: its first line must be '# Databricks notebook source'"},
	{"a.sql", PY, 0, 1, 1, "not a notebook: its first line must be '-- Databricks notebook source'"},
	{"a.scala", PY, 0, 1, 1, "not a notebook: its first line must be '// Databricks notebook source'"},
	{"a.py", PY "x\n\xc3\xa9\xff", 0, 3, 2, "not a notebook: text that is not UTF-8"},
	{"a.py", PY "a\0b", sizeof(PY) + 2, 2, 2, "not a notebook: a NUL character"},
};

START_TEST(refuses)
{
	size_t n = bad[_i].n != 0 ? bad[_i].n : strlen(bad[_i].text);

	ck_assert_int_eq(read_text(bad[_i].name, bad[_i].text, n), -1);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_str_eq(problems.list[0].file, bad[_i].name);
	ck_assert_uint_eq(problems.list[0].line, bad[_i].line);
	ck_assert_uint_eq(problems.list[0].column, bad[_i].column);
	ck_assert_str_eq(problems.list[0].message, bad[_i].message);
	release();
}
END_TEST

/* ---- Magics ---- */

static const struct {
	enum cell_language notebook;
	const char *text;
	enum cell_language language;
	bool written;
	const char *body;
} magics[] = {
	{LANGUAGE_PYTHON, "", LANGUAGE_PYTHON, false, ""},
	{LANGUAGE_PYTHON, "x = 1", LANGUAGE_PYTHON, false, "x = 1"},
	{LANGUAGE_SQL, "select 1", LANGUAGE_SQL, false, "select 1"},
	{LANGUAGE_PYTHON, "%sql select 1", LANGUAGE_SQL, true, "select 1"},
	{LANGUAGE_PYTHON, "%sql  \nselect 1\n", LANGUAGE_SQL, true, "select 1\n"},
	{LANGUAGE_PYTHON, "# why\n\n  %sql\nselect 1", LANGUAGE_SQL, true, "select 1"},
	{LANGUAGE_PYTHON, "-- why\n%sql\nselect 1", LANGUAGE_PYTHON, false, "-- why\n%sql\nselect 1"},
	{LANGUAGE_SQL, "-- why\n%python\n1", LANGUAGE_PYTHON, true, "\n\n1"},
	{LANGUAGE_SCALA, "// why\n%python\n1", LANGUAGE_PYTHON, true, "\n\n1"},
	{LANGUAGE_PYTHON, "%python x = 1\ny", LANGUAGE_PYTHON, true, "x = 1\ny"},
	{LANGUAGE_R, "%scala\n1", LANGUAGE_SCALA, true, "\n1"},
	{LANGUAGE_PYTHON, "%r\nx <- 1", LANGUAGE_R, true, "\nx <- 1"},
	{LANGUAGE_PYTHON, "%run ./a $x=\"1\"", LANGUAGE_RUN, true, "./a $x=\"1\""},
	{LANGUAGE_PYTHON, "%run\n./a", LANGUAGE_RUN, true, "./a"},
	{LANGUAGE_PYTHON, "%sh -e ls", LANGUAGE_SH, true, "-e ls"},
	{LANGUAGE_PYTHON, "%fs\nls /", LANGUAGE_FS, true, "ls /"},
	{LANGUAGE_PYTHON, "%md\n# a", LANGUAGE_MD, true, "# a"},
	{LANGUAGE_PYTHON, "%md\r\n# a", LANGUAGE_MD, true, "# a"},
	{LANGUAGE_PYTHON, "%skip\nx", LANGUAGE_SKIP, true, "x"},
	{LANGUAGE_PYTHON, "%pip install a", LANGUAGE_PIP, true, "%pip install a"},
	{LANGUAGE_PYTHON, "%pip install \\\n a\n\n# b\n%pip list", LANGUAGE_PIP, true, "%pip install \\\n a\n\n# b\n%pip list"},
	{LANGUAGE_PYTHON, "%pip install a\nimport a", LANGUAGE_PYTHON, false, "%pip install a\nimport a"},
	/* Not Databricks' own. */
	{LANGUAGE_PYTHON, "%time x", LANGUAGE_PYTHON, false, "%time x"},
	{LANGUAGE_PYTHON, "%%sql\nx", LANGUAGE_PYTHON, false, "%%sql\nx"},
	{LANGUAGE_PYTHON, "%sqlx\nx", LANGUAGE_PYTHON, false, "%sqlx\nx"},
	{LANGUAGE_PYTHON, "x\n%sql", LANGUAGE_PYTHON, false, "x\n%sql"},
	{LANGUAGE_PYTHON, "%", LANGUAGE_PYTHON, false, "%"},
	{LANGUAGE_PYTHON, "# only a comment", LANGUAGE_PYTHON, false, "# only a comment"},
};

START_TEST(finds_magics)
{
	const char *text = magics[_i].text;
	struct buf body = BUF_INIT;
	struct magic m;

	magic_find(&m, text, strlen(text), magics[_i].notebook);
	ck_assert_int_eq(m.language, magics[_i].language);
	ck_assert_int_eq(m.written, magics[_i].written);
	magic_body(&m, text, strlen(text), &body);
	ck_assert_str_eq(buf_str(&body), magics[_i].body);
	buf_release(&body);
}
END_TEST

/* ---- What a notebook has to do with Databricks ---- */

#define CODE(source, metadata) \
	"{\"cells\": [{\"cell_type\": \"code\", \"source\": " source ", \"metadata\": {" metadata "}, \"outputs\": [], " \
	"\"execution_count\": null}], \"metadata\": {"
#define END "}, \"nbformat\": 4, \"nbformat_minor\": 0}"

static const struct {
	const char *text;
	enum databricks_kind kind;
	enum cell_language language;
} kinds[] = {
	{CODE("\"x\"", "") END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	{CODE("\"x\"", "") "\"application/vnd.databricks.v1+notebook\": {\"language\": \"sql\"}" END, DATABRICKS_NOTEBOOK,
	    LANGUAGE_SQL},
	{CODE("\"x\"", "") "\"application/vnd.databricks.v1+notebook\": {\"language\": \"cobol\"}, \"language_info\": "
	    "{\"name\": \"R\"}" END, DATABRICKS_NOTEBOOK, LANGUAGE_R},
	{CODE("\"x\"", "\"application/vnd.databricks.v1+cell\": {}") "\"language_info\": {\"name\": \"scala\"}" END,
	    DATABRICKS_NOTEBOOK, LANGUAGE_SCALA},
	{CODE("\"x\"", "\"application/vnd.databricks.v1+cell\": {}") END, DATABRICKS_NOTEBOOK, LANGUAGE_PYTHON},
	{CODE("\"'application/vnd.databricks.v1+cell'\"", "") END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	{CODE("\"dbutils.widgets.get('a')\"", "") END, DATABRICKS_USED, LANGUAGE_PYTHON},
	{CODE("[\"x =\", \"dbutils\"]", "") END, DATABRICKS_USED, LANGUAGE_PYTHON},
	{CODE("\"my_dbutils dbutils2 \xc3\xa9" "dbutils\"", "") END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	{CODE("\"x\"", "") "\"name\": \"a\", \"notebookId\": 2472490" END, DATABRICKS_NOTEBOOK, LANGUAGE_PYTHON},
	{CODE("\"x\"", "") "\"notebookId\": \"x\"" END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	/* Its metadata may be gone; its magics are not Jupyter's. */
	{CODE("\"%md\\n# a\"", "") END, DATABRICKS_NOTEBOOK, LANGUAGE_PYTHON},
	{CODE("\"# a\\n%md-sandbox <b>\"", "") "\"language_info\": {\"name\": \"python\"}" END, DATABRICKS_NOTEBOOK, LANGUAGE_PYTHON},
	{CODE("\"%sql\\nselect 1\"", "") END, DATABRICKS_NOTEBOOK, LANGUAGE_PYTHON},
	{CODE("\"%sql \\r\\nselect 1\"", "") END, DATABRICKS_NOTEBOOK, LANGUAGE_PYTHON},
	{CODE("\"%sql select 1\\nx\"", "") END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	{CODE("\"%sql\"", "") END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	{CODE("\"%fs ls /\"", "") END, DATABRICKS_NOTEBOOK, LANGUAGE_PYTHON},
	{CODE("\"%r\\nx\"", "") END, DATABRICKS_NOTEBOOK, LANGUAGE_PYTHON},
	{CODE("\"%r\\nx\"", "") "\"language_info\": {\"name\": \"R\"}" END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	{CODE("\"x = 1\\n%md\"", "") END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	{CODE("\"%%md\\n%sql\"", "") END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	{CODE("\"%sh ls\"", "") END, DATABRICKS_NONE, LANGUAGE_PYTHON},
	{CODE("\"x\"", "") "\"dbutils\": \"dbutils\"" END, DATABRICKS_NONE, LANGUAGE_PYTHON},
};

START_TEST(recognizes)
{
	ck_assert_int_eq(read_text("a.ipynb", kinds[_i].text, strlen(kinds[_i].text)), 0);
	ck_assert(!nb.is_source);
	ck_assert_int_eq(nb.databricks, kinds[_i].kind);
	ck_assert_int_eq(nb.default_language, kinds[_i].language);
	release();
}
END_TEST

/* ---- Which file is meant ---- */

START_TEST(looks_up)
{
	static const struct {
		const char *folder, *path, *file, *why;
	} cases[] = {
		{".", "./one", "one.py", NULL},
		{".", "one", "one.py", NULL},
		{".", "././one/", "one.py", NULL},
		{".", "one.py", "one.py", NULL},
		{".", "dir/two words", "dir/two words.sql", NULL},
		{"dir", "../one", "dir/../one.py", NULL},
		{"dir", "./both", "dir/both.ipynb", NULL},	/* the first of two */
		{"dir", "both.scala", "dir/both.scala", NULL},
		{"dir", "v1.0", "dir/v1.0.r", NULL},
		{"dir", "x.py", "dir/x.py.py", NULL},	/* a dot in the name of a notebook */
		{".", "plain", NULL, "'plain.py' is a file, not a notebook: its first line must be '# Databricks notebook source'"},
		{".", "mixed", "mixed.sql", NULL},	/* a program and a notebook beside each other */
		{".", "dir", NULL, "there is no notebook 'dir'"},
		{"dir", "one", NULL, "there is no notebook 'dir/one'"},
		{".", "./", NULL, "the path of the notebook is missing"},
		{".", "", NULL, "the path of the notebook is missing"},
		{".", "/Shared/one", NULL, "there is no notebook '/Shared/one'"},
	}, in_workspace[] = {	/* which is the folder here */
		{".", "/Shared/one", NULL, "there is no notebook '/Shared/one' on this machine, nor './Shared/one', where a "
		    "workspace's would be"},
		{"./dir", "/both", "./dir/both.ipynb", NULL},
		{".", "/Workspace/dir/v1.0/", "./dir/v1.0.r", NULL},
		{"dir", "/Workspaces/both", NULL, "there is no notebook '/Workspaces/both' on this machine, nor "
		    "'dir/Workspaces/both', where a workspace's would be"},
		{".", "/plain", NULL, "'./plain.py' is a file, not a notebook: its first line must be "
		    "'# Databricks notebook source'"},
		{"dir", "both", NULL, "there is no notebook 'nowhere/both'"},
	};
	static const char *const files[][2] = {
		{"one.py", PY}, {"dir/two words.sql", "-- Databricks notebook source\r\n"}, {"dir/both.ipynb", "{}"},
		{"dir/both.scala", "// Databricks notebook source"}, {"dir/v1.0.r", PY}, {"dir/x.py.py", PY}, {"plain.py", "x\n"},
		{"mixed.py", "x\n"}, {"mixed.sql", "-- Databricks notebook source\n"},
	};
	char *file, *why;

	ck_assert_int_eq(file_mkdirs("dir"), 0);
	for (size_t i = 0; i < COUNT(files); i++)
		ck_assert_int_eq(file_replace(files[i][0], files[i][1], strlen(files[i][1])), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		ck_assert_int_eq(lookup_notebook(cases[i].folder, NULL, cases[i].path, &file, &why),
		    cases[i].file != NULL ? 0 : -1);
		ck_assert_pstr_eq(file, cases[i].file);
		ck_assert_pstr_eq(why, cases[i].why);
		free(file);
		free(why);
	}
	for (size_t i = 0; i < COUNT(in_workspace); i++) {
		ck_assert_int_eq(lookup_notebook("nowhere", in_workspace[i].folder, in_workspace[i].path, &file, &why),
		    in_workspace[i].file != NULL ? 0 : -1);
		ck_assert_pstr_eq(file, in_workspace[i].file);
		ck_assert_pstr_eq(why, in_workspace[i].why);
		free(file);
		free(why);
	}
}
END_TEST

/* ---- What cells come to ---- */

/* The pieces of all cells: "language code|" each, a line for a cell, "-" for one that is passed over. */
static char *
pieces(void)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < nb.ncells; i++) {
		const struct cell *c = &nb.cells[i];

		for (size_t k = 0; k < c->npieces; k++)
			buf_addf(&b, "%s%s%s %s|", c->pieces[k].origin != NULL ? c->pieces[k].origin : "",
			    c->pieces[k].origin != NULL ? " " : "", language_name(c->pieces[k].language), c->pieces[k].code);
		buf_addf(&b, "%s\n", cell_is_skipped(c) ? "-" : "");
	}
	return buf_steal(&b);
}

#define RT DATABRICKS_RUNTIME "."

static const struct {
	const char *name, *text, *pieces;
} prepared[] = {
	{"p.py", PY "x = 1" NEXT "# only a comment" NEXT "" NEXT "# MAGIC %md\n# MAGIC a" NEXT "# MAGIC %skip\n# MAGIC x",
	    "python x = 1|\npython # only a comment|\n-\n-\n-\n"},
	{"p.py", PY "# MAGIC %r\n# MAGIC x" NEXT "# MAGIC %scala x" NEXT "# MAGIC %python\n# MAGIC x" NEXT "# MAGIC %r\n",
	    "r \nx|\nscala x|\npython \nx|\n-\n"},
	{"p.py", PY "# MAGIC %sql\n# MAGIC select 'a\\b\"' -- \xc3\xa9" NEXT "# MAGIC %sql" NEXT "# MAGIC %fs ls /a",
	    "python " RT "sql(\"select 'a\\\\b\\\"' -- \\xe9\")|\n-\npython " RT "fs(\"ls /a\")|\n"},
	{"p.py", PY "# MAGIC %sh -e -x ls -l\n# MAGIC cd" NEXT "# MAGIC %sh\n# MAGIC #!/bin/sh\n# MAGIC - x" NEXT
	    "# MAGIC %sh -e\n# MAGIC a",
	    "python " RT "sh(\"ls -l\\ncd\", \"-e -x\")|\npython " RT "sh(\"#!/bin/sh\\n- x\", \"\")|\n"
	    "python " RT "sh(\"a\", \"-e\")|\n"},
	{"p.py", PY "# MAGIC %pip install a \\\n# MAGIC   b\n# MAGIC %pip list" NEXT "# MAGIC %pip install a\nimport a",
	    "python " RT "pip(\"%pip install a \\\\\\n  b\\n%pip list\")|\npython %pip install a\nimport a|\n"},
	{"p.sql", "-- Databricks notebook source\nselect 1\n\n-- COMMAND ----------\n\n-- MAGIC %python\n-- MAGIC x\n"
	    "\n-- COMMAND ----------\n\n-- a\n-- MAGIC %sql\n-- MAGIC select 2",
	    "python " RT "sql(\"select 1\")|\npython \nx|\npython " RT "sql(\"select 2\")|\n"},
	{"p.r", PY "x" NEXT "# MAGIC %sh ls" NEXT "# MAGIC %run ./in", "r x|\npython " RT "sh(\"ls\", \"\")|\n"
	    "in.py:2 python i = 1|nested.sql:2 python " RT "sql(\"select 3\")|nested.sql:4 r \nz|\n"},
	{"p.py", PY "# MAGIC %run ./in $a=\"x y\" $b=1", "python " RT "run(\"in.py\", [], {\"a\": \"x y\", \"b\": \"1\"})|"
	    "in.py:2 python i = 1|nested.sql:2 python " RT "sql(\"select 3\")|nested.sql:4 r \nz|\n"},
	{"p.py", PY "# MAGIC %run ./empty", "-\n"},
};

START_TEST(prepares)
{
	static const char in[] = PY "i = 1" NEXT "# MAGIC %md\n# MAGIC text" NEXT "# MAGIC %run ./nested";
	static const char nested[] = "-- Databricks notebook source\nselect 3\n-- COMMAND ----------\n-- MAGIC %r\n-- MAGIC z";
	char *found;

	ck_assert_int_eq(file_replace("in.py", in, strlen(in)), 0);
	ck_assert_int_eq(file_replace("nested.sql", nested, strlen(nested)), 0);
	ck_assert_int_eq(file_replace("empty.py", PY, strlen(PY)), 0);
	ck_assert_int_eq(read_text(prepared[_i].name, prepared[_i].text, strlen(prepared[_i].text)), 0);
	ck_assert_int_eq(databricks_prepare(&nb, NULL, &problems), 0);
	ck_assert_uint_eq(problems.n, 0);
	found = pieces();
	ck_assert_str_eq(found, prepared[_i].pieces);
	free(found);
	release();
}
END_TEST

/* Notebooks that take each other in more and more often come to an end, also where there is nothing to execute. */
START_TEST(refuses_too_much)
{
	const char *last = _i == 0 ? PY "1" : PY "# MAGIC %md a";

	for (int i = 0; i < 40; i++) {
		char *name = xasprintf("n%d.py", i);
		char *text = xasprintf("%s" NEXT "# MAGIC %%run ./n%d" NEXT "# MAGIC %%run ./n%d", last, i + 1, i + 1);

		ck_assert_int_eq(file_replace(name, text, strlen(text)), 0);
		free(name);
		free(text);
	}
	ck_assert_int_eq(file_replace("n40.py", last, strlen(last)), 0);
	ck_assert_int_eq(notebook_read(&nb, "n0.py", &problems), 0);
	ck_assert_int_eq(databricks_prepare(&nb, NULL, &problems), -1);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_str_eq(problems.list[0].message, "too much is run by %run: notebooks run each other over and over");
	release();
}
END_TEST

/* What a notebook holds itself is not too much, however much that is. */
START_TEST(prepares_many)
{
	const size_t n = DATABRICKS_PIECES_MAX + 2;
	struct buf text = BUF_INIT;

	buf_adds(&text, PY "1");
	for (size_t i = 1; i < n; i++)
		buf_addf(&text, NEXT "%zu", i);
	ck_assert_int_eq(read_text("a.py", text.data, text.len), 0);
	ck_assert_int_eq(databricks_prepare(&nb, NULL, &problems), 0);
	ck_assert_uint_eq(nb.ncells, n);
	ck_assert_uint_eq(nb.cells[n - 1].npieces, 1);
	buf_release(&text);
	release();
}
END_TEST

/* Of each of many cells it is said where it stands, whether lines are many, too, or one. */
START_TEST(knows_places)
{
	static const char top[] = PY "# MAGIC %run ./many";
	const size_t n = 15000;
	struct buf text = BUF_INIT;
	char *origin = NULL;

	buf_adds(&text, "{\"cells\": [");
	for (size_t i = 0; i < n; i++) {
		buf_addf(&text, "%s{\"cell_type\": \"code\", \"execution_count\": null, \"metadata\": {}, \"outputs\": [],%c\"source\": \"",
		    i > 0 ? ", " : "", "\n "[_i]);
		buf_fill(&text, '1', 1000);
		buf_adds(&text, "\"}");
	}
	buf_adds(&text, "], \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 4}");
	ck_assert_int_eq(file_replace("many.ipynb", text.data, text.len), 0);
	ck_assert_int_eq(read_text("a.py", top, strlen(top)), 0);
	ck_assert_int_eq(databricks_prepare(&nb, NULL, &problems), 0);
	ck_assert_uint_eq(nb.cells[0].npieces, n);
	for (size_t i = 0; i < n; i++) {
		origin = xasprintf("many.ipynb:%zu", _i == 0 ? i + 2 : 1);
		ck_assert_str_eq(nb.cells[0].pieces[i].origin, origin);
		free(origin);
	}
	buf_release(&text);
	release();
}
END_TEST

/* The column too, where several cells of one line are wrong. */
START_TEST(knows_columns)
{
	static const char text[] = "{\"metadata\": {\"notebookId\": 1}, \"nbformat\": 4, \"nbformat_minor\": 4, \"cells\": [\n"
	    "{\"cell_type\": \"code\", \"metadata\": {}, \"outputs\": [], \"source\": \"%run\"}, "
	    "{\"cell_type\": \"code\", \"metadata\": {}, \"outputs\": [], \"source\": \"%run\"},\n"
	    "{\"cell_type\": \"code\", \"metadata\": {}, \"outputs\": [], \"source\": \"%run\"}]}";
	static const unsigned places[][2] = {{2, 64}, {2, 136}, {3, 64}};

	ck_assert_int_eq(read_text("a.ipynb", text, strlen(text)), 0);
	ck_assert_int_eq(databricks_prepare(&nb, NULL, &problems), -1);
	ck_assert_uint_eq(problems.n, COUNT(places));
	for (size_t i = 0; i < COUNT(places); i++) {
		ck_assert_uint_eq(problems.list[i].line, places[i][0]);
		ck_assert_uint_eq(problems.list[i].column, places[i][1]);
	}
	release();
}
END_TEST

START_TEST(refuses_too_deep)
{
	char *text;

	for (int i = 0; i < 101; i++) {
		char *name = xasprintf("d%d.py", i);

		text = xasprintf(PY "# MAGIC %%run ./d%d", i + 1);
		ck_assert_int_eq(file_replace(name, text, strlen(text)), 0);
		free(name);
		free(text);
	}
	ck_assert_int_eq(file_replace("d101.py", PY "1", strlen(PY "1")), 0);
	ck_assert_int_eq(notebook_read(&nb, "d1.py", &problems), 0);
	ck_assert_int_eq(databricks_prepare(&nb, NULL, &problems), 0);
	ck_assert_uint_eq(nb.cells[0].npieces, 1);
	release();
	ck_assert_int_eq(notebook_read(&nb, "d0.py", &problems), 0);
	ck_assert_int_eq(databricks_prepare(&nb, NULL, &problems), -1);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_str_eq(problems.list[0].file, "d100.py");
	ck_assert_str_eq(problems.list[0].message, "notebooks run each other too deeply by %run");
	release();
}
END_TEST

/* What follows a NUL character in a cell is not lost. */
START_TEST(keeps_nuls)
{
	static const char text[] = CODE("\"a\\u0000b\"", "") "\"notebookId\": 1" END;

	ck_assert_int_eq(read_text("a.ipynb", text, strlen(text)), 0);
	ck_assert_int_eq(databricks_prepare(&nb, NULL, &problems), 0);
	ck_assert_uint_eq(nb.cells[0].npieces, 1);
	ck_assert_uint_eq(nb.cells[0].pieces[0].n, 3);
	ck_assert_mem_eq(nb.cells[0].pieces[0].code, "a\0b", 3);
	release();
}
END_TEST

static const struct {
	const char *text, *path, *arguments, *fault;
} runs[] = {
	{"./a", "./a", "", NULL},
	{" \t\"./a b\" ", "./a b", "", NULL},
	{"'./a\"b'", "./a\"b", "", NULL},
	{"./a b  # why", "./a b", "", NULL},
	{"./a#b", "./a#b", "", NULL},
	{"# first\n./a\n\n# last", "./a", "", NULL},
	{"./a $x=\"1 2\" $y='' $z=3", "./a", "{\"x\": \"1 2\", \"y\": \"\", \"z\": \"3\"}", NULL},
	{"./a\n  $x = \"#\"\n  # why\n $y=", "./a", "{\"x\": \"#\", \"y\": \"\"}", NULL},
	{"\"./a\"$x=1", "./a", "{\"x\": \"1\"}", NULL},
	{"./a$x", "./a$x", "", NULL},
	{"", NULL, NULL, "%run needs the path of a notebook"},
	{"# ./a", NULL, NULL, "%run needs the path of a notebook"},
	{"$x=1", NULL, NULL, "%run needs the path of a notebook"},
	{"'./a", NULL, NULL, "the path behind %run has no closing quote"},
	{"./a\nx", NULL, NULL, "%run must be alone in its cell"},
	{"./a $x", NULL, NULL, "behind the path of %run there must be values of the form $name=\"value\""},
	{"./a $=1", NULL, NULL, "behind the path of %run there must be values of the form $name=\"value\""},
	{"./a $x=\"1", NULL, NULL, "behind the path of %run there must be values of the form $name=\"value\""},
};

START_TEST(reads_runs)
{
	struct run_magic r = RUN_MAGIC_INIT;
	const char *fault = run_magic_read(&r, runs[_i].text, strlen(runs[_i].text), "#");

	ck_assert_pstr_eq(fault, runs[_i].fault);
	if (fault == NULL) {
		ck_assert_str_eq(buf_str(&r.path), runs[_i].path);
		ck_assert_str_eq(buf_str(&r.arguments), runs[_i].arguments);
	}
	run_magic_release(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("source");
	TCase *c = tcase_create("source");
	SRunner *runner;
	int failed;

	/* The files that the tests write. */
	char folder[] = "/tmp/check_source.XXXXXX";

	if (mkdtemp(folder) == NULL || chdir(folder) == -1)
		return EXIT_FAILURE;
	tcase_set_timeout(c, 30);	/* what must have an end would take minutes, or for ever */
	tcase_add_loop_test(c, reads, 0, COUNT(good));
	tcase_add_loop_test(c, refuses, 0, COUNT(bad));
	tcase_add_loop_test(c, finds_magics, 0, COUNT(magics));
	tcase_add_test(c, looks_up);
	tcase_add_loop_test(c, prepares, 0, COUNT(prepared));
	tcase_add_loop_test(c, refuses_too_much, 0, 2);
	tcase_add_test(c, prepares_many);
	tcase_add_loop_test(c, knows_places, 0, 2);
	tcase_add_test(c, knows_columns);
	tcase_add_test(c, refuses_too_deep);
	tcase_add_test(c, keeps_nuls);
	tcase_add_loop_test(c, reads_runs, 0, COUNT(runs));
	tcase_add_loop_test(c, recognizes, 0, COUNT(kinds));
	suite_add_tcase(s, c);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	file_remove_tree(folder);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
