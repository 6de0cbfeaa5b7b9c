/* When a saved job runs: the workflow's key "schedule". */
#include "workflow/loader.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The fields of a Quartz expression, seconds first. */
static const struct field {
	const char *name;
	long min, max;
	const char *names;	/* for numbers, each of three letters, with a space between; NULL: none */
	bool day;	/* has '?', and L, W and # */
} fields[] = {
	{"seconds", 0, 59, NULL, false},
	{"minutes", 0, 59, NULL, false},
	{"hours", 0, 23, NULL, false},
	{"the day of the month", 1, 31, NULL, true},
	{"the month", 1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", false},
	{"the day of the week", 1, 7, "SUN MON TUE WED THU FRI SAT", true},
	{"the year", 1970, 2099, NULL, false},
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))
#define DAY_OF_MONTH 3
#define DAY_OF_WEEK 5

/* A number of the field, or a name for one. */
static bool
is_value(const struct field *f, const char *s, size_t n)
{
	char text[8];
	long value;

	if (n == 0 || n > 4)
		return false;
	for (size_t i = 0; i < n; i++)
		text[i] = (char)toupper((unsigned char)s[i]);
	text[n] = '\0';
	if (strspn(text, "0123456789") != n)
		return n == 3 && f->names != NULL && strchr(text, ' ') == NULL && strstr(f->names, text) != NULL;
	value = strtol(text, NULL, 10);
	return value >= f->min && value <= f->max;
}

/* A day counted from the end, or to the next one of work, or in the month: "L", "L-3", "LW", "15W", "6L", "6#3". */
static bool
is_special(const struct field *f, const char *s, size_t n)
{
	size_t digits = strspn(s, "0123456789");

	if (memchr(s, 'L', n) == NULL && memchr(s, 'W', n) == NULL && memchr(s, '#', n) == NULL)
		return false;
	return strspn(s, "0123456789LW#-") >= n && (digits == 0 || is_value(f, s, digits));
}

/* One part of a list: "*", "5", "MON-FRI", "0/15", and for days "?", "L", "15W", "6#3". */
static bool
is_part(const struct field *f, const char *s, size_t n)
{
	const char *slash = memchr(s, '/', n), *dash;
	size_t base = slash != NULL ? (size_t)(slash - s) : n;

	if (slash != NULL && (base + 1 == n || strspn(slash + 1, "0123456789") < n - base - 1 ||
	    strtol(slash + 1, NULL, 10) < 1))
		return false;
	if (base == 1 && *s == '*')
		return true;
	if (f->day && slash == NULL && n == 1 && *s == '?')
		return true;
	dash = memchr(s, '-', base);
	if (dash == NULL && is_value(f, s, base))
		return true;
	if (dash != NULL && is_value(f, s, (size_t)(dash - s)) && is_value(f, dash + 1, base - (size_t)(dash - s) - 1))
		return true;
	return f->day && slash == NULL && is_special(f, s, n);
}

static bool
is_field(const struct field *f, const char *s, size_t n)
{
	for (size_t part; ; s += part + 1, n -= part + 1) {
		const char *comma = memchr(s, ',', n);

		part = comma != NULL ? (size_t)(comma - s) : n;
		if (!is_part(f, s, part))
			return false;
		if (comma == NULL)
			return true;
	}
}

/* Whether it is what Quartz takes. */
static bool
check_cron(struct loader *l, const char *key, struct mark at, const char *cron)
{
	const char *s = cron + strspn(cron, " "), *starts[FIELDS + 1];
	size_t lengths[FIELDS + 1], n = 0;
	bool asked[2];

	for (; *s != '\0' && n <= FIELDS; n++) {
		starts[n] = s;
		lengths[n] = strcspn(s, " ");
		s += lengths[n];
		s += strspn(s, " ");
	}
	if (n == 5) {
		loader_problem(l, at, "'%s' has 5 fields, '%.*s', and Quartz's have seconds in front of them and a "
		    "'?' for the day that does not count: every day at six is '0 0 6 * * ?'", key, SHOWN(cron));
		return false;
	}
	if (n < 6 || n > FIELDS) {
		loader_problem(l, at, "'%s' must have 6 or 7 fields, as '0 0 6 * * ?' has (every day at six), not "
		    "'%.*s'", key,
		    SHOWN(cron));
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (is_field(&fields[i], starts[i], lengths[i]))
			continue;
		loader_problem(l, at, "'%s' has '%.*s' for %s, which Quartz does not take", key, (int)lengths[i],
		    starts[i],
		    fields[i].name);
		return false;
	}
	asked[0] = *starts[DAY_OF_MONTH] == '?';
	asked[1] = *starts[DAY_OF_WEEK] == '?';
	if (asked[0] != asked[1])
		return true;
	loader_problem(l, at, "'%s' must have a '?' for one of the day of the month and the day of the week, as '0 0 "
	    "6 * * ?' has, not '%.*s'", key, SHOWN(cron));
	return false;
}

static void
read_cron(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct cron *c = into;
	char *text = loader_text(l, key->name, value);

	if (text == NULL)
		return;
	check_cron(l, key->name, value->mark, text);
	c->expression = text;
}

static void
read_timezone(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-:";
	struct cron *c = into;
	char *text = loader_text(l, key->name, value);

	if (text == NULL)
		return;
	if (strspn(text, fit) != strlen(text)) {
		loader_problem(l, value->mark, "'%s' must be the name of a time zone, such as Europe/Berlin, not "
		    "'%.*s'", key->name,
		    SHOWN(text));
		free(text);
		return;
	}
	free(c->timezone);
	c->timezone = text;
}

static const struct loader_key cron_keys[] = {
	{"cron", KIND(TEXT, .pattern = "^ *[^ ]+( +[^ ]+){5,6} *$"), .read = read_cron,
	    .missing = "it says when the job runs, such as '0 0 6 * * ?', every day at six",
	    .about = "A Quartz expression: seconds, minutes, hours, day of the month, month, day of the week and "
	    "perhaps the year, with ? for one of the days."},
	{"timezone", KIND(TEXT, .pattern = "^[A-Za-z0-9/_+:-]+$"), .read = read_timezone,
	    .about = "The name of a time zone, such as Europe/Berlin; UTC by default."},
	{"paused", KIND(BOOL), INTO(cron, paused),
	    .about = "Whether the schedule is there, but does not count."},
};

static const struct loader_keys cron = LOADER_KEYS(cron_keys);
const struct kind loader_schedule_kind = {.type = KIND_MAP, .keys = &cron};

void
loader_schedule(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;

	if (!loader_is_map(l, key->name, value))
		return;
	w->schedule = xcalloc(1, sizeof(*w->schedule));
	w->schedule->timezone = xstrdup("UTC");
	w->schedule->mark = key->mark;
	loader_map(l, value, NULL, &cron, w->schedule);
}
