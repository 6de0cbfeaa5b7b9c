# Completion of nbfork(1) for fish. What is offered is quoted by fish, whatever is in it.

# The names that the workflow on the command line has.
function __nbfork_names
	set -l words (commandline -po)
	set -l program (string replace -r '^~/' -- "$HOME/" "$words[1]")
	for word in $words[2..-1]
		set word (string replace -r '^~/' -- "$HOME/" "$word")
		if string match -qr '\.(yaml|yml|json)$' -- "$word"; and not string match -q -- '-*' "$word"; and test -f "$word"
			command $program --complete=$argv[1] -- "$word" 2>/dev/null </dev/null
			return
		end
	end
end

function __nbfork_runs
	for run in nbfork-runs/*
		test -d "$run"; and printf '%s\n' "$run"
	end
end

# Runs to be told of: those have a name there, and the latest that of its workflow.
function __nbfork_told
	for run in nbfork-runs/*
		test -d "$run"; and string replace -r -- '^nbfork-runs/(.*?)(-latest)?$' '$1' "$run"
	end
end

# A run and a folder of runs may be arguments of their own.
function __nbfork_arguments
	set -l words (commandline -po)
	if contains -- --show $words
		__nbfork_told
		return
	end
	if contains -- --list-runs $words
		__fish_complete_directories
		return
	end
	__fish_complete_suffix .yaml .yml .json .ipynb .py .sql .r .R .scala
end

complete -c nbfork -f
complete -c nbfork -k -a '(__nbfork_arguments)'
complete -c nbfork -s j -l processes -x -d 'Run at most so many notebooks at a time'
complete -c nbfork -s e -l on-error -x -a 'let-finish fail-fast drain' -d 'What a failure leads to'
complete -c nbfork -s t -l target -x -a '(__nbfork_names targets)' -d 'Where notebooks run'
complete -c nbfork -l job -x -a '(__nbfork_names jobs)' -d 'Which job of a bundle'
complete -c nbfork -s p -l parameter -x -d 'A parameter for every notebook'
complete -c nbfork -s s -l select -x -a '(__nbfork_names notebooks)' -d 'Run only these, and what they depend on'
complete -c nbfork -s o -l run-dir -x -a '(__fish_complete_directories)' -d 'Where the files of this run go'
complete -c nbfork -s r -l resume -f -a '(__nbfork_runs)' -d 'Continue an earlier run'
complete -c nbfork -l failed-first -d 'With --resume: what failed before starts first'
complete -c nbfork -s c -l check -d 'Check everything, start nothing'
complete -c nbfork -s n -l dry-run -d 'Check, then print the plan'
complete -c nbfork -l graph -d 'With --dry-run: as a graph for dot'
complete -c nbfork -l deploy -d 'Save the workflow as a job of its Databricks target'
complete -c nbfork -l run-now -d 'With --deploy: start the job then'
complete -c nbfork -l list-runs -f -a '(__fish_complete_directories)' -d 'List earlier runs'
complete -c nbfork -l show -f -a '(__nbfork_told)' -d 'Tell of an earlier run, or one that goes on'
complete -c nbfork -l diff -x -a '(__nbfork_told)' -d 'With --show: what has changed since that run'
complete -c nbfork -l json -d 'Print the results document instead of the summary'
complete -c nbfork -l events -r -F -d 'Write events as they happen'
complete -c nbfork -l html -r -F -d 'Write the report of the run to a file too'
complete -c nbfork -l junit -r -F -d 'Write a report for CI servers'
complete -c nbfork -l trace -r -F -d 'Write a time line for Perfetto'
complete -c nbfork -l progress -x -a 'auto tty plain none' -d 'How progress is shown'
complete -c nbfork -s q -l quiet -d 'Print neither progress nor summary'
complete -c nbfork -s v -l verbose -d 'Say more'
complete -c nbfork -l init -d 'Make a first workflow of the notebooks in folders'
complete -c nbfork -l complete -x -a 'notebooks targets jobs' -d 'Print names that the workflow has'
complete -c nbfork -l schema -d 'Print the JSON Schema of workflow files'
complete -c nbfork -s h -l help -d 'Print a short help'
complete -c nbfork -s V -l version -d 'Print the version'
