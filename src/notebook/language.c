/* The languages that parameters can be written in. */
#include "notebook/literal.h"

#include <string.h>
#include <strings.h>

#include "notebook/parameters.h"

/* Appends a whole number of a language with int and long; what is larger stands between before and after. */
static void
put_sized(struct buf *out, struct json number, const char *before, const char *after)
{
	int64_t n;

	bool large = !json_int(number, &n);

	if (large)
		buf_adds(out, before);
	buf_add(out, number.text, number.len);
	if (large)
		buf_adds(out, after);
	else if (n < INT32_MIN || n > INT32_MAX)
		buf_addc(out, 'L');
}

static void
put_scala_int(struct buf *out, struct json number)
{
	put_sized(out, number, "BigInt(\"", "\")");
}

static void
put_csharp_int(struct buf *out, struct json number)
{
	put_sized(out, number, "System.Numerics.BigInteger.Parse(\"", "\")");
}

static void
put_fsharp_int(struct buf *out, struct json number)
{
	put_sized(out, number, "", "I");
}

static void
put_powershell_int(struct buf *out, struct json number)
{
	buf_add(out, number.text, number.len);
	if (number.len > 28)	/* a decimal holds 28 digits; beyond that it would be a double */
		buf_addc(out, 'n');
}

/* R refuses an empty name in list(). */
static int
put_r_map(struct literal *l, struct json map)
{
	struct json_iter it;
	struct json key, value;
	const char *between = "";
	bool nameless = false;

	json_walk(&it, map);
	while (!nameless && json_next(&it, &key, &value))
		nameless = json_is(key, "");
	if (!nameless)
		return literal_put_map(l, map);
	buf_adds(l->out, "setNames(list(");
	if (literal_put_items(l, map, ", ") == -1)
		return -1;
	buf_adds(l->out, "), c(");
	json_walk(&it, map);
	for (; json_next(&it, &key, &value); between = ", ") {
		buf_adds(l->out, between);
		if (literal_put_string(l, key) == -1)
			return -1;
	}
	buf_adds(l->out, "))");
	return 0;
}

static int
put_matlab_map(struct literal *l, struct json map)
{
	struct buf text = BUF_INIT;
	struct json_iter it;
	struct json key, value;
	const char *between = "";

	buf_adds(l->out, "containers.Map({");
	json_walk(&it, map);
	for (; json_next(&it, &key, &value); between = ", ") {
		buf_adds(l->out, between);
		buf_reset(&text);
		json_decode(&text, key);
		literal_matlab_chars(l, buf_str(&text), text.len);
	}
	buf_release(&text);
	buf_adds(l->out, "}, {");
	if (literal_put_items(l, map, ", ") == -1)
		return -1;
	buf_adds(l->out, "})");
	return 0;
}

/* The type of an empty list of pairs cannot be inferred. */
static int
put_fsharp_map(struct literal *l, struct json map)
{
	if (json_count(map) > 0)
		return literal_put_map(l, map);
	buf_adds(l->out, "Map.empty<string, IComparable>");
	return 0;
}

/* @(@(1, 2)) would be @(1, 2): the comma keeps a list that is the only item of another. */
static int
put_powershell_list(struct literal *l, struct json list)
{
	struct json_iter it;
	struct json item;

	json_walk(&it, list);
	if (json_count(list) != 1 || !json_next(&it, NULL, &item) || json_type(item) != JSON_ARRAY)
		return literal_put_list(l, list);
	buf_adds(l->out, "@(, ");
	if (literal_put(l, item) == -1)
		return -1;
	buf_addc(l->out, ')');
	return 0;
}

static int
put_bash_list(struct literal *l, struct json list)
{
	struct json_iter it;
	struct json item;
	const char *between = "";

	buf_addc(l->out, '(');
	json_walk(&it, list);
	for (; json_next(&it, NULL, &item); between = " ") {
		buf_adds(l->out, between);
		if (json_type(item) == JSON_ARRAY)
			return literal_fault(l, "bash has no lists within lists");
		if (json_type(item) == JSON_NULL)
			buf_adds(l->out, "''");	/* no word at all would be no item */
		else if (literal_put(l, item) == -1)
			return -1;
	}
	buf_addc(l->out, ')');
	return 0;
}

static int
refuse_bash_map(struct literal *l, struct json map)
{
	(void)map;
	return literal_fault(l, "bash has no mappings");
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* From papermill's translators; what differs is what its output would not be code for (literal.h). */
static const struct language languages[] = {
	{
		.names = NAMES("python", "pysparkkernel"),
		.reserved = " False None True and as assert async await break class continue def del elif else except finally "
		    "for from global if import in is lambda nonlocal not or pass raise return try while with yield ",
		.comment = "# Parameters", .assign = {"", " = ", ""},
		.none = "None", .yes = "True", .no = "False",
		.nan = "float('nan')", .inf = "float('inf')", .minus_inf = "float('-inf')",
		.list = {"[", ", ", "]"}, .map = {"{", ", ", "}"}, .pair = {"", ": ", ""},
		.put_string = literal_python_string,
	}, {
		.names = NAMES("R", "sparkrkernel"),
		.reserved = " if else repeat while function for next break in TRUE FALSE NULL Inf NaN NA NA_integer_ NA_real_ "
		    "NA_complex_ NA_character_ ",
		.comment = "# Parameters", .assign = {"", " = ", ""}, .strips_underscores = true,
		.none = "NULL", .yes = "TRUE", .no = "FALSE",
		.nan = "NaN", .inf = "Inf", .minus_inf = "-Inf",
		.list = {"list(", ", ", ")"}, .map = {"list(", ", ", ")"}, .pair = {"", " = ", ""},
		.put_string = literal_r_string, .put_map = put_r_map,
	}, {
		.names = NAMES("scala", "sparkkernel"),
		.reserved = " abstract case catch class def do else extends false final finally for forSome if implicit import "
		    "lazy macro match new null object override package private protected return sealed super this throw "
		    "trait try true type val var while with yield _ ",
		.comment = "// Parameters", .assign = {"val ", " = ", ""},
		.none = "None", .yes = "true", .no = "false",
		.nan = "Double.NaN", .inf = "Double.PositiveInfinity", .minus_inf = "Double.NegativeInfinity",
		.list = {"Seq(", ", ", ")"}, .map = {"Map(", ", ", ")"}, .pair = {"", " -> ", ""},
		.put_string = literal_scala_string, .put_int = put_scala_int,
	}, {
		.names = NAMES("julia"),
		.reserved = " baremodule begin break catch const continue do else elseif end export false finally for function "
		    "global if import let local macro module quote return struct true try using while ",
		.comment = "# Parameters", .assign = {"", " = ", ""},
		.none = "nothing", .yes = "true", .no = "false",
		.nan = "NaN", .inf = "Inf", .minus_inf = "-Inf",
		.list = {"[", ", ", "]"}, .map = {"Dict(", ", ", ")"}, .pair = {"", " => ", ""},
		.put_string = literal_julia_string,
	}, {
		/* MATLAB has nan and inf in small letters too. */
		.names = NAMES("matlab"),
		.comment = "% Parameters", .assign = {"", " = ", ";"},
		.none = "NaN", .yes = "true", .no = "false",
		.nan = "nan", .inf = "inf", .minus_inf = "-inf",
		.list = {"{", ", ", "}"},
		.put_string = literal_matlab_string, .put_map = put_matlab_map,
	}, {
		.names = NAMES(".net-csharp"),
		.comment = "// Parameters", .assign = {"var ", " = ", ";"}, .none_type = "object ",
		.none = "null", .yes = "true", .no = "false",
		.nan = "double.NaN", .inf = "double.PositiveInfinity", .minus_inf = "double.NegativeInfinity",
		.map = {"new Dictionary<string,Object>{ ", ", ", " }"}, .pair = {"{ ", " , ", " }"},
		.put_string = literal_csharp_string, .put_int = put_csharp_int, .put_list = literal_csharp_list,
	}, {
		.names = NAMES(".net-fsharp"),
		.comment = "(* Parameters *)", .assign = {"let ", " = ", ""},
		.none = "None", .yes = "true", .no = "false",
		.nan = "nan", .inf = "infinity", .minus_inf = "-infinity",
		.list = {"[ ", "; ", " ]"},
		.map = {"[ ", "; ", " ] |> Map.ofList"}, .pair = {"(", ", ", " :> IComparable)"},
		.put_string = literal_python_string, .put_int = put_fsharp_int, .put_list = literal_fsharp_list,
		.put_map = put_fsharp_map,
	}, {
		.names = NAMES(".net-powershell"),
		.comment = "# Parameters", .assign = {"$", " = ", ""},
		.none = "$Null", .yes = "$True", .no = "$False",
		.nan = "[double]::NaN", .inf = "[double]::PositiveInfinity", .minus_inf = "[double]::NegativeInfinity",
		.list = {"@(", ", ", ")"}, .map = {"@{", "\n ", "}"}, .pair = {"", " = ", ""},
		.put_string = literal_powershell_string, .put_int = put_powershell_int, .put_list = put_powershell_list,
	}, {
		/* Numbers are words like any other in bash. */
		.names = NAMES("bash"),
		.comment = "# Parameters", .assign = {"", "=", ""},
		.none = "", .yes = "true", .no = "false",
		.nan = "nan", .inf = "inf", .minus_inf = "-inf",
		.put_string = literal_bash_string, .put_list = put_bash_list, .put_map = refuse_bash_map,
	},
};

static const struct language *
find(const char *name)
{
	if (name == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
		for (const char *const *known = languages[i].names; *known != NULL; known++)
			if (strcasecmp(*known, name) == 0)
				return &languages[i];
	return NULL;
}

const struct language *
language_find(const char *kernel, const char *language)
{
	const struct language *l = find(kernel);

	return l != NULL ? l : find(language);
}
