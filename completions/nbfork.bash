# Completion of nbfork(1) for bash.
#
# Names are put together by hand: what has been typed stays as it is, and what is added to it is quoted for where it
# stands. So no name, whatever is in it, can become something else than itself, and nothing that has been typed is
# evaluated.

# Options without a value, with one that may be left out, and with one that must be there.
_nbfork_plain='--failed-first --check --dry-run --graph --deploy --run-now --json --quiet --verbose --init --schema --help
	--version'
_nbfork_optional='--resume --list-runs --show'
_nbfork_valued='--processes --on-error --target --job --parameter --select --run-dir --events --html --junit --trace --progress
	--complete --diff'

# Takes the command line up to the cursor apart, as far as quotes go: the words into the array values, the last one also
# as it has been typed into raw, and the quote that is open there into quote. Fails where a word cannot be known.
_nbfork_split() {
	local line=$1 c i word= begun=
	values=() raw= quote=
	for ((i = 0; i < ${#line}; i++)); do
		c=${line:i:1}
		if [[ $quote == "'" ]]; then
			raw+=$c
			if [[ $c == "'" ]]; then quote=; else word+=$c; fi
		elif [[ $c == \\ ]]; then
			((++i))
			raw+=$c${line:i:1}
			if [[ $quote == '"' && ${line:i:1} != [\\\"\$\`] ]]; then word+=$c; fi
			word+=${line:i:1} begun=1
		elif [[ $quote == '"' ]]; then
			raw+=$c
			case $c in
			'"') quote= ;;
			'$' | '`') return 1 ;;
			*) word+=$c ;;
			esac
		else
			case $c in
			[[:space:]])
				if [[ $begun ]]; then values+=("$word"); fi
				word= raw= begun=
				continue
				;;
			"'" | '"') quote=$c ;;
			'$' | '`' | '(' | ')' | '<' | '>' | '&' | '|' | ';') return 1 ;;
			*) word+=$c ;;
			esac
			raw+=$c begun=1
		fi
	done
	values+=("$word")
}

# The rest of a name, quoted for where it comes to stand.
_nbfork_quote() {
	local rest=$1
	case $quote in
	"'") printf -v rest '%s' "${rest//\'/\'\\\'\'}" ;;
	'"')
		rest=${rest//\\/\\\\}
		rest=${rest//\"/\\\"}
		rest=${rest//\$/\\\$}
		rest=${rest//\`/\\\`}
		;;
	*) if [[ $rest ]]; then printf -v rest %q "$rest"; fi ;;
	esac
	reply=$rest
}

# Offers a word, if it begins with what is there of it. Bash replaces the text that it gives as the second argument: what
# has been typed from the last character of COMP_WORDBREAKS or the opening quote on.
_nbfork_offer() {
	local word=$1 typed=$2 reply
	[[ $word == "$typed"* ]] || return 0
	_nbfork_quote "${word:${#typed}}"
	COMPREPLY+=("$replaced$reply")
}

_nbfork_words() {
	local typed=$1 word
	shift
	for word; do _nbfork_offer "$word" "$typed"; done
}

# The names that the workflow on the command line has.
_nbfork_names() {
	local typed=$2 name
	[[ $file ]] || return 0
	while IFS= read -r name; do
		_nbfork_offer "$name" "$typed"
	done < <("$program" "--complete=$1" -- "$file" 2>/dev/null </dev/null)
}

# Folders, and files whose names end with one of the endings; all files without one.
_nbfork_files() {
	local typed=$1 place=$1 found ending
	shift
	if [[ $place == '~/'* && $raw != *[\'\"]* ]]; then place=$HOME/${place:2}; fi
	for found in "$place"*; do
		[[ -e $found || -L $found ]] || continue
		if [[ -d $found ]]; then
			_nbfork_offer "$typed${found:${#place}}/" "$typed"
			continue
		fi
		if [[ $# == 0 ]]; then _nbfork_offer "$typed${found:${#place}}" "$typed"; fi
		for ending; do
			if [[ $found == *"$ending" ]]; then _nbfork_offer "$typed${found:${#place}}" "$typed"; fi
		done
	done
	if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then compopt -o nospace; fi
}

# Run folders: those where they are made without being told where, and all others.
_nbfork_runs() {
	local typed=$1 found
	for found in nbfork-runs/*; do
		if [[ -d $found ]]; then _nbfork_offer "$found" "$typed"; fi
	done
	if [[ ${#COMPREPLY[@]} == 0 ]]; then _nbfork_files "$typed" /; fi
}

# Runs to be told of: those have a name there, and the latest that of its workflow.
_nbfork_told() {
	local typed=$1 found
	for found in nbfork-runs/*; do
		if [[ -d $found ]]; then
			found=${found#nbfork-runs/}
			_nbfork_offer "${found%-latest}" "$typed"
		fi
	done
	if [[ ${#COMPREPLY[@]} == 0 ]]; then _nbfork_runs "$typed"; fi
}

# The value of an option.
_nbfork_value() {
	case $1 in
	--on-error | -e) _nbfork_words "$2" let-finish fail-fast drain ;;
	--progress) _nbfork_words "$2" auto tty plain none ;;
	--complete) _nbfork_words "$2" notebooks targets jobs ;;
	--target | -t) _nbfork_names targets "$2" ;;
	--job) _nbfork_names jobs "$2" ;;
	--select | -s) _nbfork_names notebooks "$2" ;;
	--resume | -r) _nbfork_runs "$2" ;;
	--show | --diff) _nbfork_told "$2" ;;
	--run-dir | -o | --list-runs) _nbfork_files "$2" / ;;
	--events | --html | --junit | --trace) _nbfork_files "$2" ;;
	esac
}

# Whether one of the words that follow is the first one.
_nbfork_among() {
	local wanted=$1 word
	shift
	for word; do
		if [[ $word == "$wanted" ]]; then return 0; fi
	done
	return 1
}

_nbfork() {
	local values raw quote replaced=$2 program file= word typed before ended= i
	local IFS=$' \t\n'
	COMPREPLY=()
	# The workflow may also come behind the cursor.
	if _nbfork_split "$COMP_LINE"; then
		for word in "${values[@]:1}"; do
			if [[ $word == '~/'* ]]; then word=$HOME/${word:2}; fi
			if [[ $word != -* && $word == *.@(yaml|yml|json) && -f $word ]]; then
				file=$word
				break
			fi
		done
	fi
	_nbfork_split "${COMP_LINE:0:COMP_POINT}" || return 0
	program=${values[0]} typed=${values[${#values[@]} - 1]} before=
	if [[ $program == '~/'* ]]; then program=$HOME/${program:2}; fi
	if ((${#values[@]} > 2)); then before=${values[${#values[@]} - 2]}; fi
	for ((i = 1; i < ${#values[@]} - 1; i++)); do
		if [[ ${values[i]} == -- ]]; then ended=1; fi
	done
	if [[ ! $ended ]]; then
		if [[ $before == -[etsojp] ]] || _nbfork_among "$before" $_nbfork_valued; then
			_nbfork_value "$before" "$typed"
			return
		fi
		case $typed in
		--*=*)
			_nbfork_value "${typed%%=*}" "${typed#*=}"
			return
			;;
		-r*)
			_nbfork_value -r "${typed#-r}"
			return
			;;
		-*)
			_nbfork_words "$typed" $_nbfork_plain $_nbfork_optional
			for word in $_nbfork_optional $_nbfork_valued; do _nbfork_offer "$word=" "$typed"; done
			if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
			return
			;;
		esac
		# A value of these may also be an argument of its own.
		for word in --show --list-runs; do
			if _nbfork_among "$word" "${values[@]:1:${#values[@]}-2}"; then
				_nbfork_value "$word" "$typed"
				return
			fi
		done
	fi
	_nbfork_files "$typed" .yaml .yml .json .ipynb .py .sql .r .R .scala
}

complete -F _nbfork nbfork
