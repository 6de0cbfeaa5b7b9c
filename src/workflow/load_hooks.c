/* What is run when a run begins and ends: the workflow's key "hooks". */
#include "workflow/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char example[] = "[notify, --channel, data]";

static void
add_command(struct workflow *w, enum hook hook, char **argv, struct mark mark)
{
	w->commands = xreallocarray(w->commands, w->ncommands + 1, sizeof(*w->commands));
	w->commands[w->ncommands++] = (struct command){.hook = hook, .argv = argv, .mark = mark};
}

/* A word of a command, with its expressions put in; NULL with a problem added. */
static char *
read_word(struct loader *l, const struct yaml_key *key, const struct yaml_node *as_written, bool first)
{
	struct yaml_node *word;
	char *text = NULL;

	if (as_written->type == YAML_LIST || as_written->type == YAML_MAP) {
		loader_problem(l, as_written->mark, "a word of a command of '%s' must be text, not %s; several commands are a list of "
		    "lists", key->name, yaml_type_name(as_written->type));
		return NULL;
	}
	word = loader_evaluate(l, as_written);
	if (word == NULL)
		return NULL;
	if (word->type == YAML_LIST || word->type == YAML_MAP)
		loader_problem(l, as_written->mark, "a word of a command of '%s' must be text, and the expression gives %s",
		    key->name, yaml_type_name(word->type));
	else if (word->type == YAML_NULL)
		loader_problem(l, as_written->mark, "a word of a command of '%s' has no value; write '' for an empty one, and '~' in "
		    "quotes for a tilde", key->name);
	else if (first && word->len == 0)
		loader_problem(l, as_written->mark, "the first word of a command of '%s' is empty; it names the program to run",
		    key->name);
	else
		text = xstrdup(word->text);	/* a number as it was written */
	yaml_node_free(word);
	return text;
}

static void
read_command(struct loader *l, struct workflow *w, enum hook hook, const struct yaml_key *key, const struct yaml_node *words)
{
	char **argv;
	size_t n = 0;

	if (words->n == 0) {
		loader_problem(l, words->mark, "a command of '%s' is empty; list its words, such as %s, or leave it out", key->name,
		    example);
		return;
	}
	argv = xcalloc(words->n + 1, sizeof(*argv));
	for (size_t i = 0; i < words->n; i++) {
		argv[n] = read_word(l, key, words->items[i], i == 0);
		n += argv[n] != NULL;
	}
	if (n == words->n) {
		add_command(w, hook, argv, words->items[0]->mark);
		return;
	}
	for (size_t i = 0; i < n; i++)
		free(argv[i]);
	free(argv);
}

/* One command, a list of words; or several, a list of such lists. */
static void
read_commands(struct loader *l, struct workflow *w, enum hook hook, const struct yaml_key *key, const struct yaml_node *value)
{
	if (value->type == YAML_STRING) {
		loader_problem(l, value->mark, "'%s' must be a list of words, such as %s, not the text '%.*s'; no shell takes it "
		    "apart, but one may be the command: [sh, -c, '...']", key->name, example, SHOWN(value->text));
		return;
	}
	if (value->type != YAML_LIST) {
		loader_problem(l, value->mark, "'%s' must be a list of words, such as %s, not %s", key->name, example,
		    yaml_type_name(value->type));
		return;
	}
	if (value->n == 0 || value->items[0]->type != YAML_LIST) {
		read_command(l, w, hook, key, value);
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		if (value->items[i]->type == YAML_LIST)
			read_command(l, w, hook, key, value->items[i]);
		else
			loader_problem(l, value->items[i]->mark, "the commands of '%s' must all be lists of words, as the first "
			    "one is", key->name);
	}
}

static void
read_on_start(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	read_commands(l, into, HOOK_ON_START, key, value);
}

static void
read_on_success(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	read_commands(l, into, HOOK_ON_SUCCESS, key, value);
}

static void
read_on_failure(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	read_commands(l, into, HOOK_ON_FAILURE, key, value);
}

static void
read_on_finish(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	read_commands(l, into, HOOK_ON_FINISH, key, value);
}

static const struct kind command = {.type = KIND_LIST, .items = A_KIND(TEXT, .empty = true), .some = true};
static const struct kind commands = {.type = KIND_LIST, .items = &command, .some = true, .other = &command};

/* In the order of enum hook: so they are in the workflow. Words are evaluated one by one, so that each keeps its place. */
static const struct loader_key hook_keys[] = {
	{"on_start", .kind = &commands, .way = LOADER_RAW, .read = read_on_start,
	    .about = "A command, or a list of commands, to run when the run begins; each is a list of words."},
	{"on_success", .kind = &commands, .way = LOADER_RAW, .read = read_on_success,
	    .about = "Likewise when the run is over and has succeeded."},
	{"on_failure", .kind = &commands, .way = LOADER_RAW, .read = read_on_failure,
	    .about = "Likewise when the run is over and has not succeeded, whatever the reason."},
	{"on_finish", .kind = &commands, .way = LOADER_RAW, .read = read_on_finish,
	    .about = "Likewise when the run is over, after on_success or on_failure."},
	{"timeout_seconds", KIND(SECONDS), INTO(workflow, hook_timeout),
	    .about = "How long each command may take; 60 by default, 0 is no limit."},
};

static const struct loader_keys hooks = LOADER_KEYS(hook_keys);
const struct kind loader_hooks_kind = {.type = KIND_MAP, .keys = &hooks};

void
loader_hooks(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	if (loader_is_map(l, key->name, value))
		loader_map(l, value, NULL, &hooks, into);
}
