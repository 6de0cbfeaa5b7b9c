#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "html/copy.h"
#include "html/data.h"
#include "html/frame.h"
#include "html/markdown.h"
#include "html/output.h"
#include "html/page.h"
#include "html/report.h"
#include "html/text.h"
#include "report/story.h"
#include "report/story_lines.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct pair {
	const char *text, *html;
};

static struct buf b = BUF_INIT;

static void
release(void)
{
	buf_release(&b);
}

static int
has(const char *part)
{
	return strstr(buf_str(&b), part) != NULL;
}

/* ---- Text ---- */

static const struct pair escaped[] = {
	{"", ""},
	{"plain\n\ttext", "plain\n\ttext"},
	{"<a href=\"x\">&'", "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"},
	{"a\r\nb", "a\nb"},
	{"\x01\x1b\x7f", "\u2401\u241b\u2421"},
	{"é \U0001f600", "é \U0001f600"},
	{"\xff\xc3", "\ufffd\ufffd"},
	{"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
	{"a\u202eb\u2066c\u200fd\u061c", "a[U+202E]b[U+2066]c[U+200F]d[U+061C]"},
	{"\xc2\x85", "[U+0085]"},
};

START_TEST(text_stays_text)
{
	html_put(&b, escaped[_i].text, strlen(escaped[_i].text));
	ck_assert_str_eq(buf_str(&b), escaped[_i].html);
}
END_TEST

START_TEST(nul_bytes_are_shown)
{
	html_put(&b, "a\0b", 3);
	ck_assert_str_eq(buf_str(&b), "a\u2400b");
}
END_TEST

static const struct pair coloured[] = {
	{"a\033[31mb\033[0mc", "a<span class=\"a1 \">b</span>c"},
	{"\033[1;4;92mx", "<span class=\"ab au a10 \">x</span>"},
	{"\033[31m\033[0mx", "x"},
	{"\033[31ma\033[31mb", "<span class=\"a1 \">ab</span>"},
	{"\033[38;5;196mx\033[39my", "<span class=\"ac ad \" style=\"--f:#ff0000;\">x</span>y"},
	{"\033[38;2;255;255;0mx", "<span class=\"ac al \" style=\"--f:#ffff00;\">x</span>"},
	{"\033[38;2;0;220;0mx", "<span class=\"ac \" style=\"--f:#00dc00;\">x</span>"},
	{"\033[48;2;1;2;300mx", "<span class=\"\" style=\"color:#fff;background:#01022c;\">x</span>"},
	{"\033[48;5;230mx\033[31my", "<span class=\"\" style=\"color:#000;background:#ffffd7;\">x</span>"
	    "<span class=\"a1 \" style=\"background:#ffffd7;\">y</span>"},
	{"\033[7;38;5;196mx", "<span class=\"\" style=\"color:#fff;background:#ff0000;\">x</span>"},
	{"\033[38;5;196;43mx", "<span class=\"b3 ac ad \" style=\"--f:#ff0000;\">x</span>"},
	{"\033[38;5;196;48;5;21mx", "<span class=\"\" style=\"color:#ff0000;background:#0000ff;\">x</span>"},
	{"\033[38;5;3mx", "<span class=\"a3 \">x</span>"},
	{"\033[38;5mx", "x"},
	{"\033[7mx\033[27m", "<span class=\"av \">x</span>"},
	{"\033[m\033[2J\033[1;1Hx\033[?25l", "x"},
	{"\033]8;;http://x\033\\link\033]8;;\033\\", "link"},
	{"\033]0;title\a<", "&lt;"},
	{"\033]0;no end\nx", "\nx"},
	{"x\033", "x"},
	{"x\033[31", "x"},
	{"x\033[3\n1my", "x\n1my"},
	{"\033[99999999999999999999;1mx", "<span class=\"ab \">x</span>"},
	{"\033[31m<\033[0m>", "<span class=\"a1 \">&lt;</span>&gt;"},
};

START_TEST(escape_sequences_become_spans)
{
	html_put_terminal(&b, coloured[_i].text, strlen(coloured[_i].text));
	ck_assert_str_eq(buf_str(&b), coloured[_i].html);
}
END_TEST

START_TEST(long_text_is_cut_between_characters)
{
	struct buf text = BUF_INIT;

	for (int i = 0; i < 1000; i++)
		buf_adds(&text, "é");
	html_put_bounded(&b, text.data, text.len, 101, "all.ipynb");
	ck_assert(has("[1900 bytes are left out here; all of it is in all.ipynb]"));
	ck_assert(!has("\ufffd"));
	buf_reset(&b);
	html_put_bounded(&b, text.data, text.len, text.len, "all.ipynb");
	ck_assert_uint_eq(b.len, text.len);
	buf_release(&text);
}
END_TEST

static const struct pair paths[] = {
	{"notebooks/a b.html", "notebooks/a%20b.html"},
	{"javascript:x", "./javascript:x"},
	{"a/b:c", "a/b:c"},
	{"//host/x", "/host/x"},
	{"///host//x", "/host//x"},
	{"\"<é#?%", "%22%3C%C3%A9%23%3F%25"},
};

START_TEST(paths_become_relative_links)
{
	html_put_path(&b, paths[_i].text);
	ck_assert_str_eq(buf_str(&b), paths[_i].html);
}
END_TEST

/* ---- Frames ---- */

START_TEST(frames_are_shut)
{
	const char *html = "<b>\"&</b><LINK rel=x><meta x><iframe></iframe><script>x</script>";

	frame_put(&b, html, strlen(html), "a \"title\"");
	ck_assert(has(" sandbox=\"allow-same-origin\" title=\"a &quot;title&quot;\" srcdoc=\""));
	ck_assert(has("default-src &#39;none&#39;"));
	ck_assert(has("&lt;b&gt;&quot;&amp;&lt;/b&gt;&lt;x-LINK rel=x&gt;&lt;x-meta x&gt;&lt;x-iframe&gt;"));
	ck_assert(!has("allow-scripts"));
	ck_assert(!has("class=\"white\""));
	buf_reset(&b);
	frame_put(&b, "<p style='color:red'>", 21, "t");
	ck_assert(has("class=\"white\""));
}
END_TEST

/* ---- Markdown ---- */

static const struct pair markdowns[] = {
	{"# A *b*", "<h1><a id=\"A-b\"></a>A <em>b</em></h1>\n"},
	{"## \"1\" & `x y` ![p](q)", "<h2><a id=\"&quot;1&quot;-&amp;-x-y-p\"></a>&quot;1&quot; &amp; <code>x y</code> <a href=\"q\">p</a></h2>\n"},
	{"# cell-1", "<h1>cell-1</h1>\n"},
	{"[to](#A-b)", "<p><a href=\"#A-b\">to</a></p>\n"},
	{"|a|\n|-|\n|b|", "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>\n"},
	{"[x](javascript:alert(1))", "<p><a href=\"\">x</a></p>\n"},
	{"[x](JaVaScRiPt:alert(1) \"t\")", "<p><a href=\"\" title=\"t\">x</a></p>\n"},
	{"![far](http://x/y.png)", "<p><a href=\"http://x/y.png\">far</a></p>\n"},
	{"![](y.png)", "<p><a href=\"y.png\">y.png</a></p>\n"},
	{"[![in](y.png)](z)", "<p><a href=\"z\">in</a></p>\n"},
	{"![a](attachment:a.png)", "<p><img src=\"data:image/png;base64,AAAA\" alt=\"a\" /></p>\n"},
	{"![a](attachment:svg)", "<p><img src=\"attachment:svg\" alt=\"a\" /></p>\n"},
	{"a <i>b</i> c<br/>d <!-- e -->", "<p>a b c<br />\nd </p>\n"},
	{"<!-- only a comment -->", ""},
	{"$a_1*b*c_2$", "<p>$a_1*b*c_2$</p>\n"},
	{"$$\\frac{a}{b}\\\\ *c*$$", "<p>$$\\frac{a}{b}\\\\ *c*$$</p>\n"},
	{"5$ *or* 6$", "<p>5$ <em>or</em> 6$</p>\n"},
	{"`$a` *b* `$`", "<p><code>$a</code> <em>b</em> <code>$</code></p>\n"},
	{"\\$a *b* $", "<p>$a <em>b</em> $</p>\n"},
};

START_TEST(markdown_becomes_html)
{
	markdown_put(&b, markdowns[_i].text, strlen(markdowns[_i].text),
	    json_of("{\"a.png\": {\"image/png\": \"AAAA\"}, \"svg\": {\"image/svg+xml\": \"<svg/>\"}}"));
	ck_assert_str_eq(buf_str(&b), markdowns[_i].html);
}
END_TEST

START_TEST(controls_are_shown_in_markdown)
{
	const char *text = "a\033[31m *b* \u202ec `\x01` [\x7f](/x \"\u2066\")";

	markdown_put(&b, text, strlen(text), JSON_NOTHING);
	ck_assert_str_eq(buf_str(&b), "<p>a\u241b[31m <em>b</em> [U+202E]c <code>\u2401</code> <a href=\"/x\" title=\"[U+2066]\">\u2421</a></p>\n");
}
END_TEST

START_TEST(carriage_returns_hide_nothing_in_a_frame)
{
	const char *html = "<li\rnk rel=x><\rlink><LI\r\nNK>\rlink\r\n<b>\r";

	frame_put(&b, html, strlen(html), "t");
	ck_assert(has("&lt;/style&gt;&lt;li\nnk rel=x&gt;&lt;\nlink&gt;&lt;LI\nNK&gt;\nlink\n&lt;b&gt;\n\"></iframe>"));
}
END_TEST

/* Texts that are short, and would become enormous or take very long. */

static void
repeat(struct buf *text, const char *s, size_t times)
{
	while (times-- > 0)
		buf_adds(text, s);
}

START_TEST(markdown_that_would_become_enormous_stays_text)
{
	struct buf text = BUF_INIT;

	repeat(&text, "a|", 8000);
	buf_addc(&text, '\n');
	repeat(&text, "-|", 8000);
	buf_addc(&text, '\n');
	repeat(&text, "a\n", 20000);
	markdown_put(&b, text.data, text.len, JSON_NOTHING);
	ck_assert(strncmp(b.data, "<pre>a|a|", 9) == 0);
	ck_assert_uint_lt(b.len, text.len + 100);

	buf_reset(&text);
	buf_reset(&b);
	buf_adds(&text, "[a]: /");
	buf_fill(&text, 'u', 30000);
	buf_adds(&text, "\n\n");
	repeat(&text, "[a]", 30000);
	markdown_put(&b, text.data, text.len, JSON_NOTHING);
	ck_assert(strncmp(b.data, "<pre>[a]: /u", 12) == 0);
	ck_assert_uint_lt(b.len, text.len + 100);

	/* Which does no harm to the next one. */
	buf_reset(&b);
	markdown_put(&b, "*x* ![y](z)", 11, JSON_NOTHING);
	ck_assert_str_eq(b.data, "<p><em>x</em> <a href=\"z\">y</a></p>\n");
	buf_release(&text);
}
END_TEST

START_TEST(one_picture_is_not_attached_any_number_of_times)
{
	struct buf text = BUF_INIT, attached = BUF_INIT;

	buf_adds(&attached, "{\"a\": {\"image/png\": \"");
	buf_fill(&attached, 'A', (size_t)1024 * 1024);
	buf_adds(&attached, "\"}}");
	repeat(&text, "![](attachment:a)", 100);
	markdown_put(&b, text.data, text.len, json_of(attached.data));
	ck_assert(has("<img src=\"data:image/png;base64,AAAA") && has("<img src=\"attachment:a\""));
	ck_assert_uint_lt(b.len, (size_t)17 * 1024 * 1024);
	buf_release(&text);
	buf_release(&attached);
}
END_TEST

/* Each backquote behind a backslash looks for one like it among pairs of them. */
START_TEST(backquotes_are_not_looked_for_again_and_again)
{
	struct buf text = BUF_INIT;

	repeat(&text, "\\``", MARKDOWN_BYTES_MAX / 3 - 3);
	buf_adds(&text, "$a_b_c$");
	for (int i = 0; i < 30; i++) {
		buf_reset(&b);
		markdown_put(&b, text.data, text.len - 7 * (i > 0), JSON_NOTHING);
		ck_assert(strncmp(b.data, "<p>````", 7) == 0);
	}
	buf_reset(&b);
	markdown_put(&b, "`a$x_$ ``b`` `c$_y_$`", 21, JSON_NOTHING);
	ck_assert_str_eq(b.data, "<p><code>a$x_$ ``b`` </code>c$_y_$`</p>\n");
	buf_release(&text);
}
END_TEST

START_TEST(blocks_of_html_become_frames)
{
	const char *text = "a\n\n<div onclick=\"x\">\n<script>y</script>\n</div>\n\nb";

	markdown_put(&b, text, strlen(text), JSON_NOTHING);
	ck_assert(has("<iframe sandbox="));
	ck_assert(!has("<div") && !has("<script"));
	ck_assert(has("<p>a</p>") && has("<p>b</p>"));
}
END_TEST

/* ---- Outputs ---- */

static const struct pair outputs[] = {
	{"[{\"output_type\": \"stream\", \"name\": \"stderr\", \"text\": [\"a\\n\", \"<b>\"]}]", "<pre class=\"stream stderr\">a\n&lt;b&gt;</pre>\n"},
	{"[{\"output_type\": \"error\", \"ename\": \"E\", \"evalue\": \"<v>\", \"traceback\": []}]", "<pre class=\"error\">E: &lt;v&gt;</pre>\n"},
	{"[{\"output_type\": \"display_data\", \"data\": {\"image/png\": \"AA\\nBB\", \"text/plain\": \"<F>\"},"
	    "\"metadata\": {\"image/png\": {\"width\": 7, \"height\": -3}}}]", "<img alt=\"&lt;F&gt;\" width=\"7\" src=\"data:image/png;base64,AABB\">\n"},
	{"[{\"output_type\": \"display_data\", \"data\": {\"image/png\": \"\\\"><script>\"}}]",
	    "<p class=\"cut\">[a picture that is none: what was sent is in s]</p>\n"},
	{"[{\"output_type\": \"display_data\", \"data\": {\"image/svg+xml\": \"<svg/>\"}}]",
	    "<img alt=\"picture\" src=\"data:image/svg+xml;base64,PHN2Zy8+\">\n"},
	{"[{\"output_type\": \"display_data\", \"data\": {\"application/x<y\": 1}}]",
	    "<p class=\"cut\">[output of type application/x&lt;y cannot be shown here: it is in s]</p>\n"},
	{"[{\"output_type\": \"execute_result\", \"data\": {\"text/latex\": \"$x$\", \"text/plain\": \"x\"}}]", "<pre class=\"text\">$x$</pre>\n"},
	{"[{\"output_type\": \"display_data\", \"data\": {\"application/json\": {\"a\": 12345678901234567890}}}]",
	    "<pre class=\"text\">{\n  &quot;a&quot;: 12345678901234567890\n}</pre>\n"},
	{"[{\"output_type\": \"display_data\", \"data\": {}}, {}, 1, null]", ""},
	{"{\"output_type\": \"stream\"}", ""},
	{"null", ""},
};

START_TEST(outputs_become_html)
{
	outputs_put_html(&b, json_of(outputs[_i].text), "s");
	ck_assert_str_eq(buf_str(&b), outputs[_i].html);
}
END_TEST

START_TEST(too_many_outputs_are_cut)
{
	struct buf list = BUF_INIT;

	buf_addc(&list, '[');
	for (int i = 0; i <= OUTPUTS_MAX; i++)
		buf_addf(&list, "%s{\"output_type\": \"stream\", \"text\": \"%d\"}", i > 0 ? "," : "", i);
	buf_addc(&list, ']');
	outputs_put_html(&b, json_of(list.data), "s");
	ck_assert(has(">499<") && !has(">500<") && has("[there are more outputs: they are in s]"));
	buf_release(&list);
}
END_TEST

START_TEST(too_large_outputs_are_cut)
{
	struct buf list = BUF_INIT;

	buf_addc(&list, '[');
	for (int i = 0; i < 6; i++) {
		buf_addf(&list, "%s{\"output_type\": \"display_data\", \"data\": {\"image/png\": \"", i > 0 ? "," : "");
		buf_fill(&list, 'A', OUTPUT_IMAGE_MAX);
		buf_adds(&list, "\"}}");
	}
	buf_addc(&list, ']');
	outputs_put_html(&b, json_of(list.data), "s");
	ck_assert_uint_lt(b.len, OUTPUTS_BYTES_MAX + OUTPUT_IMAGE_MAX);
	ck_assert(has("[there are more outputs: they are in s]"));
	buf_release(&list);
}
END_TEST

/* ---- The report ---- */

#define AT "{\"time\": \"2026-11-22T08:15:00.000Z\", \"event\": "

static void
take(struct story *s, const char *line)
{
	story_take(s, line, strlen(line));
}

/* A run of so many notebooks that have failed, and whose objects end with that. */
static void
take_failures(struct story *s, int n, const char *members)
{
	struct buf line = BUF_INIT;

	take(s, AT "\"run_started\", \"run\": {\"id\": \"r\"}, \"workflow\": {\"name\": \"w\"}, \"notebooks\": 1}");
	for (int i = 0; i < n; i++) {
		buf_reset(&line);
		buf_addf(&line, AT "\"notebook_finished\", \"name\": \"n%d\", \"notebook\": {\"name\": \"n%d\", \"status\": "
		    "\"failed\", %s}}", i, i, members);
		take(s, line.data);
	}
	buf_release(&line);
}

START_TEST(a_journal_brings_no_elements_into_the_page)
{
	struct story s = STORY_INIT;

	take_failures(&s, 1, "\"attempts\": \"<script>\", \"path\": \"<script>\", \"result\": \"</script><script>\"");
	page_put(story_last(&s), "nowhere", "", &b);
	ck_assert(!has("\"<script>"));
	ck_assert(has("\\u003c/script>\\u003cscript>"));
	story_release(&s);
}
END_TEST

START_TEST(long_tracebacks_of_many_do_not_fill_the_page)
{
	struct story s = STORY_INIT;
	struct buf members = BUF_INIT;

	buf_adds(&members, "\"error\": {\"kind\": \"notebook\", \"name\": \"E\", \"message\": \"no\", \"traceback\": [\"");
	buf_fill(&members, 'x', (size_t)60 * 1024);
	buf_adds(&members, "\"]}");
	take_failures(&s, 2000, members.data);
	page_put(story_last(&s), "nowhere", "", &b);
	ck_assert_uint_lt(b.len, (size_t)40 * 1024 * 1024);
	ck_assert(has("bytes are left out here"));
	buf_release(&members);
	story_release(&s);
}
END_TEST

/* ---- Files ---- */

static char folder[] = "/tmp/nbfork-html-XXXXXX";

static void
make_folder(void)
{
	strcpy(folder, "/tmp/nbfork-html-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
remove_folder(void)
{
	file_remove_tree(folder);
	release();
}

static void
write_notebook(const char *text, time_t modified)
{
	const struct timespec times[2] = {{.tv_sec = modified, .tv_nsec = 7}, {.tv_sec = modified, .tv_nsec = 7}};
	char *path = file_join(folder, "a.ipynb");

	ck_assert_int_eq(file_replace(path, text, strlen(text)), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	free(path);
}

static void
read_page(void)
{
	char *path = file_join(folder, "a.html");

	buf_reset(&b);
	ck_assert_int_eq(file_read(path, &b, SIZE_MAX / 8), 0);
	free(path);
}

#define NOTEBOOK(cells) "{\"cells\": [" cells "], \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 4}"

START_TEST(a_page_is_made_when_its_notebook_is_another_one)
{
	struct stat st;
	char *path = file_join(folder, "a.html");

	write_notebook(NOTEBOOK("{\"cell_type\": \"code\", \"source\": \"1 < 2\", \"outputs\": [], \"metadata\": {}, \"execution_count\": 3}"), 1000);
	ck_assert_int_eq(copy_render(folder, "a", "../report.html"), 1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1000);
	read_page();
	ck_assert(has("In&nbsp;[3]") && has("1 &lt; 2") && has("href=\"../report.html\"") && has("script-src 'sha256-"));
	ck_assert_int_eq(copy_render(folder, "a", NULL), 0);
	write_notebook(NOTEBOOK("{\"cell_type\": \"raw\", \"source\": \"<raw>\", \"metadata\": {}}"), 2000);
	ck_assert_int_eq(copy_render(folder, "a", NULL), 1);
	read_page();
	ck_assert(has("&lt;raw&gt;") && !has("1 &lt; 2") && !has("report"));
	free(path);
}
END_TEST

/* Whether all of a log is shown is not a matter of how many characters it has. */
START_TEST(a_log_that_is_all_there_is_not_cut)
{
	struct story s = STORY_INIT;
	struct buf log = BUF_INIT;
	char *logs = file_join(folder, "logs"), *path = file_join(logs, "n0.log");

	ck_assert_int_eq(mkdir(logs, 0700), 0);
	repeat(&log, "\u65e5\u672c\n", 100);
	ck_assert_int_eq(file_replace(path, log.data, log.len), 0);
	take_failures(&s, 1, "\"attempts\": 1");
	data_put(story_last(&s), folder, "", &b);
	ck_assert(has("\"log_bytes\": 700, \"log_cut\": false"));
	buf_reset(&b);
	repeat(&log, "\u65e5\u672c\n", 10000);
	ck_assert_int_eq(file_replace(path, log.data, log.len), 0);
	data_put(story_last(&s), folder, "", &b);
	ck_assert(has("\"log_bytes\": 70700, \"log_cut\": true"));
	take(&s, AT "\"notebook_finished\", \"name\": \"../logs/n0\", \"notebook\": {\"status\": \"failed\"}}");
	buf_reset(&b);
	data_put(story_last(&s), folder, "", &b);
	ck_assert(has("\"log_bytes\": 0, \"log_cut\": false"));
	free(path);
	free(logs);
	buf_release(&log);
	story_release(&s);
}
END_TEST

/* That the folder's own cannot be written keeps nobody from having one elsewhere. */
START_TEST(one_report_is_written_where_another_cannot_be)
{
	struct buf journal = BUF_INIT;
	char *events = file_join(folder, "events.jsonl"), *own = file_join(folder, "report.html"), *other = file_join(folder, "o.html");
	char *what;

	buf_adds(&journal, AT "\"run_started\", \"run\": {\"id\": \"r\"}, \"workflow\": {\"name\": \"w\"}}\n");
	ck_assert_int_eq(file_replace(events, journal.data, journal.len), 0);
	ck_assert_int_eq(mkdir(own, 0700), 0);
	ck_assert_int_eq(report_write(folder, other, &what), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_ptr_nonnull(strstr(what, "report.html"));
	ck_assert_int_eq(access(other, F_OK), 0);
	free(what);
	free(other);
	free(own);
	free(events);
	buf_release(&journal);
}
END_TEST

/* Notebooks may have made it: nobody is to lose a file by looking at a run. */
START_TEST(a_link_of_that_name_is_replaced_and_not_followed)
{
	char *page = file_join(folder, "a.html"), *precious = file_join(folder, "precious");
	struct stat st;

	ck_assert_int_eq(file_replace(precious, "mine", 4), 0);
	ck_assert_int_eq(symlink("precious", page), 0);
	write_notebook(NOTEBOOK(""), 1000);
	ck_assert_int_eq(copy_render(folder, "a", NULL), 1);
	ck_assert_int_eq(lstat(page, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(file_read(precious, &b, 100), 0);
	ck_assert_str_eq(b.data, "mine");
	ck_assert_int_eq(unlink(page), 0);
	ck_assert_int_eq(mkfifo(page, 0666), 0);
	ck_assert_int_eq(copy_render(folder, "a", NULL), 1);
	ck_assert_int_eq(chmod(page, 0640), 0);
	write_notebook(NOTEBOOK(""), 2000);
	ck_assert_int_eq(copy_render(folder, "a", NULL), 1);
	ck_assert_int_eq(lstat(page, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
	free(precious);
	free(page);
}
END_TEST

START_TEST(what_is_no_notebook_has_no_page)
{
	ck_assert_int_eq(copy_render(folder, "a", NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	write_notebook("{", 1000);
	ck_assert_int_eq(copy_render(folder, "a", NULL), -1);
	ck_assert_int_eq(errno, EILSEQ);
}
END_TEST

START_TEST(the_marks_of_an_error_lead_to_its_cell)
{
	write_notebook(NOTEBOOK("{\"cell_type\": \"markdown\", \"metadata\": {\"tags\": [\"papermill-error-cell-tag\"]}, \"source\": \"<span>at "
	    "'<a href=\\\"#papermill-error-cell\\\">In [1]</a>'.</span>\"},"
	    "{\"cell_type\": \"markdown\", \"metadata\": {\"tags\": [\"papermill-error-cell-tag\"]}, \"source\": \"<span id=\\\"papermill-error-cell\\\">here"
	    "</span>\"},"
	    "{\"cell_type\": \"code\", \"source\": \"1/0\", \"outputs\": [], \"metadata\": {\"papermill\": {\"status\": \"failed\"}},"
	    "\"execution_count\": 1}"), 1000);
	ck_assert_int_eq(copy_render(folder, "a", NULL), 1);
	read_page();
	ck_assert(has("<p class=\"mark\"><a href=\"#papermill-error-cell\">at &#39;In [1]&#39;.</a></p>"));
	ck_assert(has("<p class=\"mark\" id=\"papermill-error-cell\">here</p>"));
	ck_assert(has("<section class=\"code failed\" id=\"cell-2\">"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("html");
	TCase *t = tcase_create("parts"), *f = tcase_create("files");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, NULL, release);
	tcase_add_loop_test(t, text_stays_text, 0, COUNT(escaped));
	tcase_add_test(t, nul_bytes_are_shown);
	tcase_add_loop_test(t, escape_sequences_become_spans, 0, COUNT(coloured));
	tcase_add_test(t, long_text_is_cut_between_characters);
	tcase_add_loop_test(t, paths_become_relative_links, 0, COUNT(paths));
	tcase_add_test(t, frames_are_shut);
	tcase_add_loop_test(t, markdown_becomes_html, 0, COUNT(markdowns));
	tcase_add_test(t, controls_are_shown_in_markdown);
	tcase_add_test(t, carriage_returns_hide_nothing_in_a_frame);
	tcase_add_test(t, markdown_that_would_become_enormous_stays_text);
	tcase_add_test(t, one_picture_is_not_attached_any_number_of_times);
	tcase_add_test(t, backquotes_are_not_looked_for_again_and_again);
	tcase_add_test(t, blocks_of_html_become_frames);
	tcase_add_loop_test(t, outputs_become_html, 0, COUNT(outputs));
	tcase_add_test(t, too_many_outputs_are_cut);
	tcase_add_test(t, too_large_outputs_are_cut);
	tcase_add_test(t, a_journal_brings_no_elements_into_the_page);
	tcase_add_test(t, long_tracebacks_of_many_do_not_fill_the_page);
	tcase_add_checked_fixture(f, make_folder, remove_folder);
	tcase_add_test(f, a_page_is_made_when_its_notebook_is_another_one);
	tcase_add_test(f, a_link_of_that_name_is_replaced_and_not_followed);
	tcase_add_test(f, what_is_no_notebook_has_no_page);
	tcase_add_test(f, a_log_that_is_all_there_is_not_cut);
	tcase_add_test(f, one_report_is_written_where_another_cannot_be);
	tcase_add_test(f, the_marks_of_an_error_lead_to_its_cell);
	suite_add_tcase(s, t);
	suite_add_tcase(s, f);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
