"""
Notebooks for the comparison with nbclient: each must give the same outputs, the same execution counts and the same
metadata when nbfork runs it. What a notebook prints must not depend on the moment: streams are flushed before the
other one is written to, and ids are made to count up.
"""

from harness import code, markdown

PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")

# What ipywidgets 7 and 8 send, without them; the ids count up.
WIDGETS = """
import itertools, sys, time, uuid
from contextlib import contextmanager
from ipykernel.comm import Comm
from IPython.display import HTML, clear_output, display
_ids = itertools.count(1)
uuid.uuid4 = lambda: uuid.UUID(int=next(_ids))
heard = []
def say():
    sys.stdout.flush(); sys.stderr.flush()
def widget(name, buffers=None, paths=(), module='@jupyter-widgets/controls', **state):
    kind = {'_model_name': name, '_model_module': module, '_model_module_version': '2.0.0'}
    comm = Comm(target_name='jupyter.widget', data={'state': {**kind, **state}, 'buffer_paths': list(paths)},
                buffers=buffers, metadata={'version': '2.1.0'})
    comm.on_msg(heard.append)
    return comm
def output():
    return widget('OutputModel', module='@jupyter-widgets/output', msg_id='', outputs=[])
def show(comm):
    display({'text/plain': 'a widget', 'application/vnd.jupyter.widget-view+json': {
        'version_major': 2, 'version_minor': 0, 'model_id': comm.comm_id}}, raw=True)
@contextmanager
def into(comm):
    say()
    parent = get_ipython().kernel.get_parent('shell')['header']['msg_id']
    comm.send({'method': 'update', 'state': {'msg_id': parent}, 'buffer_paths': []})
    try:
        yield
    finally:
        say()
        comm.send({'method': 'update', 'state': {'msg_id': ''}, 'buffer_paths': []})
        time.sleep(0.1)  # nbclient can miss the reply to the cell while it answers these messages
"""

RAW = {"cell_type": "raw", "metadata": {"format": "text/html"}, "source": "<b>raw</b>"}

NOTEBOOKS = {
    "streams": [
        markdown("# Streams"),
        "print('one'); print('two')",
        "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr, flush=True)\nprint('out again', flush=True)",
        "for i in range(5): print(i, end=' ', flush=True)",
        "print()",
        "print('', end='')",
        "sys.stdout.write('no end'); sys.stdout.flush()",
        "for i in range(20): print(f'\\r{i:4} of 20', end='', flush=True)\nprint()",
        "print('é ü 漢字 😀 \\u2028 \\x85 \\x0b \\x0c \\x1b[31mred\\x1b[0m \\u200b ')",
        "print('a\\r\\nb\\r\\nc')",
        "print('x' * 200000)",
        "for i in range(3000): print(i)",
        "import warnings, logging\nwarnings.warn('careful')\nlogging.warning('logged')",
        "!echo from the shell; echo and its stderr >&2",
        "%%bash\necho one\necho two",
        # ipykernel reads what processes write in a thread of its own, which may come too late for the cell
        "import os, subprocess, time\nsubprocess.run(['echo', 'a child']); os.system('echo another'); time.sleep(0.5)",
        "import threading\nt = threading.Thread(target=lambda: print('from a thread', flush=True)); t.start(); t.join()",
        "%%capture kept\nprint('kept')",
        "kept.stdout",
        "from contextlib import redirect_stdout\nimport io\nwith redirect_stdout(io.StringIO()) as s: print('not seen')\ns.getvalue()",
        "print('\\u0000\\u0007\\u001f\\u007f', repr('\"\\\\'), '</script>')",
    ],
    "displays": [
        "from IPython.display import *",
        "HTML('<b>bold</b>\\n<i>two lines</i>')",
        f"import base64\npng = base64.b64decode('{PNG}')\nImage(data=png, width=10, height=20)",
        "display(Image(data=png), metadata={'image/png': {'alt': 'a dot'}})",
        "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><g/>\\n</svg>'))",
        "display(Latex('$x^2$'), Math('y'), Markdown('*m*\\n\\n- 1'), Javascript('1\\n+1'), JSON({'a': [1, 2.5, None, {'b': 'é'}]}))",
        "display({'text/plain': 'plain', 'text/html': '<p>', 'application/json': [1, 12345678901234567890, 1e300],\n"
        "         'application/vnd.custom+json': {'z': 1, 'a': {'y': [], 'b': {}}}}, raw=True, metadata={'x': {'y': 1}})",
        "display({'application/json': {'nan': float('nan'), 'inf': [float('inf'), -float('inf')]}}, raw=True)",
        "display({'text/plain': 'a\\nb\\n', 'application/javascript': 'a;\\nb;', 'image/svg+xml': '<svg>\\n</svg>', 'text/x-r\\u00e9': 'one\\ntwo'}, raw=True)",
        "display({}, raw=True)",
        "class Both:\n    def _repr_html_(self): return '<i>both</i>'\n    def __repr__(self): return 'both'\nBoth()",
        "class Bundle:\n    def _repr_mimebundle_(self, include=None, exclude=None): return {'text/plain': 'b', 'text/x': 'c'}, {'text/x': {'k': 1}}\nBundle()",
        "print('before', flush=True)\ndisplay(1)\nprint('after', flush=True)\n2",
        "3;",
        "None",
        "list(range(2000))",
        "{'a': {1, 2}, 'b': 'é' * 3}",
        "%%html\n<p>magic</p>",
        "%%latex\n\\alpha",
        "YouTubeVideo('x')",
        "import pprint; pprint.pprint({'k' * 30: list(range(40))})",
        "for i in range(300): display(i)",
    ],
    "display ids": [
        "from IPython.display import display, update_display, clear_output, HTML",
        "h = display('first', display_id='h')",
        "display('second', display_id='h')\ndisplay('third', display_id='other')",
        "h.update(HTML('<b>changed</b>'))",
        "update_display('never shown', display_id='unknown')",
        "for i in range(100): h.update(i)",
        "k = display('k', display_id=True)\nk.update('k2')\nk.display('k3')",
        "print('gone')\nclear_output()\nprint('stays')",
        "print('gone', flush=True)\nclear_output(wait=True)\nprint('came instead', flush=True)",
        "print('stays, as nothing follows', flush=True)\nclear_output(wait=True)",
        "m = display('m1', display_id='m')\nclear_output()\nprint('m was cleared')",
        "m.update('m2, nowhere')\ndisplay('m3', display_id='m')",
        "m.update('m4')",
        "for i in range(10):\n    clear_output(wait=True)\n    print('step', i, flush=True)\n    display(i, display_id='m')",
        "display({'text/plain': 'with metadata'}, raw=True, display_id='m', metadata={'a': 1})",
        "display('null id', transient={'display_id': None}); display('x', transient={'other': 1})",
        "clear_output(); clear_output(wait=True); clear_output()",
    ],
    "errors": [
        code("1/0", "raises-exception"),
        "print('goes on')",
        code("def f():\n    raise KeyError('é')\nf()", "raises-exception"),
        code("if True print(1)", "raises-exception"),
        code("try:\n    1/0\nexcept Exception as e:\n    raise ValueError('chained') from e", "raises-exception"),
        code("class Own(Exception):\n    def __str__(self): return 'two\\nlines \\x1b[1m'\nraise Own", "raises-exception"),
        code("def deep(n): deep(n + 1)\ndeep(0)", "raises-exception"),
        code("%nomagic", "raises-exception"),
        code("raise SystemExit(3)", "raises-exception"),
        code("raise KeyboardInterrupt", "raises-exception"),
        code("print('some', flush=True); open('/nowhere')", "raises-exception", "another"),
        code("input('name? ')", "raises-exception"),
        code("print('does not raise')", "raises-exception"),
        "await undefined",
        "print('never')",
    ],
    "flow": [
        code("print('skipped')", "skip-execution"),
        "",
        "  \n\t\u2003\n",
        RAW,
        markdown("text", custom={"b": 1, "a": [1.0, 1e10]}),
        "import asyncio\nawait asyncio.sleep(0.01)\nprint('awaited')",
        "async def f(): return 5\nawait f()",
        "_ + 1",
        "len(In), sorted(Out)",
        "%env NBFORK_X=1\nimport os; os.environ['NBFORK_X']",
        "import os; os.path.basename(os.getcwd())",
        "import os\nif os.path.exists('written.txt'): os.remove('written.txt')",
        "%%writefile written.txt\ncontent",
        "open('written.txt').read()",
        "get_ipython().run_cell('print(\"nested\"); 7')\nNone",
        "len?",
        "get_ipython().set_next_input('x = 1')",
        "x = 1\n%who",
        "%precision 2\n3.14159",
        "__name__, '__session__' in dir()",
        "import sys; sys.argv[1:] == ['-f', sys.argv[2]], sys.path[0]",
        "%%time\nNone",
        "%load_ext autoreload",
        "# only a comment",
        "def generator():\n    yield 1\nnext(generator())",
        "get_ipython().ev('1 + 1')",
        code("print('again')", "skip-execution", "other"),
        "print('end')",
    ],
    "allow errors": ["1/0", "print('a')", "raise ValueError('b')", "x", "print('end')"],
    "widgets": [
        WIDGETS,
        "s = widget('IntSliderModel', value=3, description='é', layout='IPY_MODEL_x')\nshow(s)",
        "s.send({'method': 'update', 'state': {'value': 7}, 'buffer_paths': []}); s.send({'method': 'custom', 'content': {}})",
        "i = widget('ImageModel', [b'\\x00\\xff' * 50, b''], [['value'], ['deep', 0, 'er']], format='png', deep=[{}])\nshow(i)",
        "i.send({'method': 'update', 'state': {'format': 'x'}, 'buffer_paths': [['value']]}, buffers=[b'new'])",
        "o = output()\nshow(o)",
        "with into(o):\n    print('in the widget'); say(); print('more')\n    display(HTML('<i>shown</i>'))\n    print('error', file=sys.stderr)",
        "print('in the cell'); say()",
        "p = output()\nwith into(p):\n    print('gone'); say()\n    clear_output()\n    print('stays')",
        "with into(p):\n    clear_output(wait=True)\n    display(5)\n    clear_output(wait=True)",
        "q = output()\nwith into(q):\n    with into(o):\n        print('inner')\n    print('outer')\nprint('neither')",
        code("with into(q):\n    print('before'); say()\n    1/0", "raises-exception"),
        "h = display('first', display_id='h')\nwith into(q): h.update('second'); display('again', display_id='h')",
        "h.update('third')",
        "b = widget('ButtonModel'); b.close()",
        "c = Comm(target_name='own', data={'state': {'k': [1]}}); c.send({'state': {'k': [2]}}); c.send({}); c.close()",
        "import json\n[json.dumps(m['content']['data']['state']['outputs'], sort_keys=True) for m in heard]",
    ],
    "widgets without models": ["from ipykernel.comm import Comm", "Comm(target_name='own', data={'state': {'k': 1}}); None"],
    "no ids": ["print('a notebook of nbformat 4.4')", "1"],
}

R = [
    "print('one'); cat('two\\n'); 1 + 1",
    "x <- data.frame(a = 1:3, b = c('x', 'y', 'é')); x",
    "message('to stderr')",
    "f <- function() { warning('careful'); 5 }\nf()",
    "invisible(7)",
    "list(a = 1, b = 'two')",
    "matrix(1:4, 2)",
    "IRdisplay::display_html('<b>bold</b>')",
    "IRdisplay::display_json('{\"a\": 1}')",
    "factor(c('a', 'b'))",
    "cat('no end')",
    code("stop('expected')", "raises-exception"),
    "for (i in 1:3) print(i)",
    "",
    "getwd() == normalizePath('.')",
    "stop('the end')",
    "print('never')",
]
