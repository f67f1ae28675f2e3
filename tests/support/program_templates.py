"""The templates of generated configs.

In a template, `<kind>` is an expression of a kind, and `@kind` is a name or element with a value of a kind. `BLOCK` is
replaced by statements, and `LOOP` by statements inside a loop.
"""


def _lines(text: str) -> tuple[str, ...]:
    """Return the lines of a text; `\\n` in a line becomes a line break of the program."""
    return tuple(line.strip().replace("\\n", "\n") for line in text.strip().splitlines())


VALUES = _lines(
    r"""
    <list>
    <list>
    <dict>
    <dict>
    (<value>, <value>)
    <value> if <test> else <value>
    <value> or <value>
    <value> and <value>
"""
)
UNKNOWN = _lines(
    r"""
    same(<place>)
    number()
    same([<place>])[0]
    change(<place>)
    keep(<place>)
    poke()
    (truly() and <place>)
    (<place> if truly() else 1)
    (falsely() or <place>)
    {number(): <place>}[5]
    (lambda: <place>)()
    Thing(<place>)
    [v for v in <place> if truly(v)]
    (<place> + Thing())
    (Thing() + <place>)
    (Thing() == <place>)
    sorted([2, 1], key=lambda v: change(<place>))
    call(<place>.append, 5)
    next(iter(<place>))
    same(<place>.pop())
    (<place>.pop(0), fail)[0]
    same(<place>).copy()
    [same(<place>), <place>.pop()]
    dict(x=<place>.pop(), y=change(<place>))
    f'{same(<place>)}'
    list(map(same, <place>))
    any(truly(v) for v in <place>)
    Thing(<place>)[0]
    [*same(<place>), <value>]
    {**same({'x': <place>})}
    same(<place>) == <place>
    -number() + <num>
"""
)
TEMPLATES: dict[str, dict[str, tuple[str, ...]]] = {
    "num": {
        "": _lines(
            r"""
            <int>
            <int>
            0.1
            1e-3
            2.5
            True
            0
        """
        ),
        "@num": _lines(
            r"""
            @num
            @num + 1
            @num * 2
            -@num
            round(@num / 3, 2)
            abs(@num)
            (<name> := @num)
            min(@num, 3)
            @num ** 2
            @num // 2 % 5
            int(@num)
            float(@num)
            divmod(@num, 3)[0]
        """
        ),
        "@seq": _lines(
            r"""
            len(@seq)
            sum(v for v in @seq if isinstance(v, int))
            @seq.count(1)
            len([v for v in @seq if v])
            any(v for v in @seq)
            max([len(@seq), 2])
            @seq.index(1)
            sum([1, *(v for v in @seq if v == 1)])
            all(@seq)
            min(@seq, key=str, default=1)
            sum([[v] for v in @seq], []).count(1)
        """
        ),
    },
    "text": {
        "": _lines(
            r"""
            'StepLR'
            'lr'
            'a-b'
            f'{1 + 1}x'
            'x' * 3
            '{}_{}'.format(1, 'a')
            '%d' % 7
        """
        ),
        "@str": _lines(
            r"""
            @str.upper()
            @str + <text>
            @str[:2]
            f'{@str}/{@str!r}'
            @str
            '-'.join([@str, <text>])
            @str.replace('a', 'b')
            @str.split('-')[0]
            @str.strip('x')
            '%s_%r' % (@str, 1)
            @str.zfill(9)
        """
        ),
        "@num": _lines(
            r"""
            f'{@num:.2f}'
            str(@num)
            f'e{@num}'
            repr(@num)
            f'{@num:>8}'
        """
        ),
        "@seq": _lines(
            r"""
            str(@seq)
            f'{@seq}'
            ' '.join(str(v) for v in @seq)
            ','.join(map(str, @seq))
        """
        ),
    },
    "list": {
        "": _lines(
            r"""
            []
            [<value>]
            [<value>, <value>]
            [1, 2, 3]
            list(range(4))
            [<sched>]
            [<sched>, <sched>]
        """
        ),
        "@seq": _lines(
            r"""
            [*@seq, <value>]
            @seq[1:]
            @seq[::-1]
            [v for v in @seq]
            [(i, v) for i, v in enumerate(@seq)]
            list(@seq)
            [[v] for v in @seq if v != 1]
            [v for v in @seq if (n := <num>)]
            list(zip(@seq, @seq))
            list(reversed(@seq))
            @seq * 2
            sorted(@seq, key=str)
            sorted(@seq, key=lambda v: len(str(v)))
            list(map(str, @seq))
            copy.copy(@seq)
            copy.deepcopy(@seq)
            list(filter(None, @seq))
            [w for v in @seq if isinstance(v, list) for w in v]
            sum([[v] for v in @seq], [])
            @seq + @seq
            [v['type'] if isinstance(v, dict) else v for v in @seq]
            [dict(v) if isinstance(v, dict) else v for v in @seq]
        """
        ),
        "@list": _lines(
            r"""
            @list
            @list.copy()
            @list + [<num>]
            sorted([2, *range(3)], reverse=True)
            [@list] * 2
        """
        ),
        "@dict": _lines(
            r"""
            list(@dict)
            list(@dict.values())
            sorted(@dict, key=str)
            [k for k in @dict]
            list(@dict.items())
            [v for k, v in @dict.items() if k != 'x']
            [@dict, @dict]
            [@dict.copy() for _ in range(2)]
        """
        ),
    },
    "sched": {
        "": _lines(
            r"""
            dict(type='StepLR', gamma=<num>, end=<num>)
            {'type': <text>, 'end': <num>}
        """
        ),
    },
    "dict": {
        "": _lines(
            r"""
            <sched>
            {'<key>': <value>}
            dict(<key>=<value>)
            dict(a=<value>, b=<value>)
            {}
        """
        ),
        "@dict": _lines(
            r"""
            dict(@dict, <key>=<value>)
            {**@dict, '<key>': <value>}
            {k: v for k, v in @dict.items()}
            @dict
            @dict.copy()
            copy.deepcopy(@dict)
            @dict | {'<key>': <num>}
            dict(@dict)
            dict(**@dict)
            {k: @dict for k in 'xy'}
            dict(x=@dict, y=@dict)
            {v: k for k, v in enumerate(@dict)}
        """
        ),
        "@seq": _lines(
            r"""
            {i: v for i, v in enumerate(@seq)}
            dict(zip('abc', @seq))
            dict(items=@seq)
            dict.fromkeys('xy', @seq)
        """
        ),
    },
    "test": {
        "": _lines(
            r"""
            True
            False
            1 < 2 < 3
            not <value>
        """
        ),
        "@num": _lines(
            r"""
            @num > 2
            0 < @num < 9
            @num is None
            not @num
            isinstance(@num, int)
            @num in (1, 2)
        """
        ),
        "@seq": _lines(
            r"""
            @seq
            len(@seq) > 1
            @seq == [1]
            1 in @seq
            @seq is not None
            @seq != <list>
            @seq < [2]
        """
        ),
        "@dict": _lines(
            r"""
            'x' in @dict
            @dict.get('type') == 'StepLR'
            isinstance(@dict, dict)
            not @dict
            @dict == <dict>
            'type' in @dict.keys()
            'x' not in @dict and <test>
            1 in @dict.values() or <test>
        """
        ),
    },
}
ASSIGNMENTS = {
    "": _lines(
        r"""
        <name> = <value>
        <name> = <value>
        <name> = <value>
        <name>: int = <value>
        <name> = <name> = <value>
        <name> = <any>
        <name>, <name> = <value>, <value>
        <name> = <sched>
        param_scheduler = <list>
        (<name>, [<name>, *<name>]) = <num>, (1, <value>, 3)
        mine = param_scheduler
    """
    ),
    "@seq": _lines(
        r"""
        <name>, *<name> = @seq
        *<name>, <name> = @seq
        [<name>] = @seq[:1]
        <name> = @seq[0]
        <name> = @seq[-1]
        <name> = @seq
        <name>, <name> = zip(@seq, [1, 2])
        <name>, <name> = @seq
    """
    ),
    "@num": _lines(
        r"""
        del <any>
        <name> = @num
    """
    ),
}
CHANGES = {
    "@num": _lines(
        r"""
        @num += <num>
        @num *= 2
        @num -= 1
        @num **= 2
        @num //= 2
    """
    ),
    "@str": _lines(
        r"""
        @str += <text>
    """
    ),
    "@list": _lines(
        r"""
        @list.append(<value>)
        @list.extend(<list>)
        @list.pop()
        @list.pop(0)
        @list.insert(<int>, <value>)
        @list.reverse()
        @list.clear()
        @list[0] = <value>
        @list[1:2] = <list>
        del @list[0]
        del @list[1:]
        @list += <list>
        @list *= 2
        @list.sort(key=str)
        @list[-1] += 1
        @list.remove(1)
        @list.append(1)
        @list.extend(v for v in range(2))
        @list.extend(@list)
        @list.extend(len(@list) for _ in range(2))
        @list += (v for v in [1, 2])
        <name> = @list.pop()
        @list.append(@list)
        @list[:] = <list>
        @list[0], <name> = <name>, 1
        @list.sort(key=lambda v: str(v), reverse=True)
        @list += 'ab'
        @list.append(@list.pop())
        @list.extend(@list.pop() for _ in range(2))
        @list[::2] = @list[1::2]
    """
    ),
    "@dict": _lines(
        r"""
        @dict['<key>'] = <value>
        @dict.update(<dict>)
        @dict.pop('<key>', None)
        @dict.setdefault('<key>', [])
        @dict.setdefault('<key>', <value>)
        del @dict['<key>']
        @dict.update(gamma=<value>)
        @dict |= {'<key>': 1}
        @dict.clear()
        @dict['<key>'] += 1
        <name> = @dict.get('<key>')
        <name> = @dict.pop('<key>')
        @dict.popitem()
        @dict['<key>'] = @dict
        @dict.update([('<key>', <value>)])
        @dict.update(@dict, x=<value>)
        for @dict['<key>'] in [1, <value>]: pass
        <name> = @dict.setdefault('<key>', <list>)
    """
    ),
}
HEADS = {
    "": _lines(
        r"""
        if <test>:
        if <test>:
        for i in range(3):
        for v in ('a', 'b'):
    """
    ),
    "@seq": _lines(
        r"""
        for v in @seq:
        for i, v in enumerate(@seq):
        for <name> in list(@seq):
        for s in @seq[:2]:
        for x, y in zip(@seq, @seq):
        for <name> in reversed(@seq):
        for <name> in (w for w in @seq):
        for s in @seq:\n    if isinstance(s, dict): s['gamma'] = <num>
        for <name> in @seq:
        for s in @seq:\n    if isinstance(s, list): s.append(<value>)
        for i, <name> in enumerate(@seq, 2):
    """
    ),
    "@dict": _lines(
        r"""
        for key, <name> in @dict.items():
        for key in list(@dict):
        for <name> in @dict.values():
        for v in @dict:
    """
    ),
    "@list": _lines(
        r"""
        for one in @list:
    """
    ),
}
NASTY = _lines(
    r"""
    with Thing(<place>) as <name>:\n    BLOCK
    with swallowing():\nBLOCK\n    fail()\nBLOCK
    with swallowing() as <name>:\n    <unknown>\nBLOCK
    try:\nBLOCK\nexcept Exception:\nBLOCK
    try:\nBLOCK\n    fail()\nBLOCK\nexcept Exception as <name>:\nBLOCK\nelse:\nBLOCK
    try:\nBLOCK\n    1 / 0\nBLOCK\nexcept Exception:\nBLOCK\nfinally:\nBLOCK
    try:\n    <place>[99]\nBLOCK\nexcept LookupError:\nBLOCK
    try:\n    <name> = (fail(), <place>.pop())\nexcept Exception:\nBLOCK
    try:\n    <name> = [<place>.pop(), number(), fail()]\nexcept Exception:\nBLOCK
    try:\nBLOCK\n    number()\nBLOCK\nfinally:\nBLOCK
    try:\n    import no_such_module as <name>\nexcept ImportError:\nBLOCK
    for i in range(2):\n    try:\n        BLOCK\n        if truly(): break\n    finally:\n        BLOCK
    match <place>:\n    case [<name>, *k]:\n        BLOCK\n    case <name>:\n        BLOCK
    match <place>:\n    case {'type': <name>, **m}:\n        BLOCK\n    case _:\n        BLOCK
    import json as <name>
    import math\nmath.ceil = lambda v: 3\n<name> = math.ceil(7)\nimport importlib\nimportlib.reload(math)
    import math\ndef f(): math.floor = number\nf()\n<name> = math.floor(7)\nimport importlib\nimportlib.reload(math)
    try:\n    import math, no_such_module\nBLOCK\nexcept ImportError:\nBLOCK
    try:\n    from math import no_such_name\nexcept ImportError:\nBLOCK
    try:\n    print(1, no=2)\nBLOCK\nexcept Exception:\nBLOCK
    try:\n    if falsely(): <name> = 1\n    del <name>\nBLOCK\nexcept Exception:\nBLOCK
    try:\n    import math\n    <name> = math.no_such_name\nexcept AttributeError:\nBLOCK
    @call\ndef f():\n    <place>.append(8)
    @<place>.append\ndef f(): pass
    class A:\n    x = <place>\nA.x.append(3)
    <name> = sum([], <place>)\n<name>.append(2)
    from support.unknown_code import n as <name>
    from support.unknown_code import m as <name>
    from support.unknown_code import *
    import math\n<name> = math.ceil(2.5)
    from math import pi as <name>
    def f(v=1):\n    global <name>\nBLOCK\nf()
    def f(v=<place>):\n    global n\n    n = v\ncall(f)\n<name> = n
    def g():\n    <place>.append(4)\ncall(g)
    def g():\n    <name>.append(4)\n<name> = [1]\n<name> = [2]\ncall(g)
    def g(v=(n := [3])):\n    pass
    class A:\nBLOCK
    class A(same(object)):\n    <name> = <place>\n    <name>.append(3)\n<name> = A
    class B:\n    def __add__(self, other): <place>.append(5)\n<name> = B() + 1
    exec('<name> = 3')
    globals()['<name>'] = 4
    locals()['<name>'] = [4]
    vars().update(<name>=5)
    g = globals()\n<name> = 1\ng['<name>'] = 2
    import sys\nsetattr(sys.modules['support.unknown_code'], 'n', <place>)\nfrom support.unknown_code import n
    eval('<any>')
    add = <place>.append\nadd(6)
    it = iter(<place>)\n<name> = next(it, 1)
    g = (w for w in <place>)\n<name> = list(g)
    g = (<name> := w for w in <place>)\nlist(g)
    h = lambda: change(<place>)\nh()
    h = lambda v=<place>: v.append(2)\ncall(h)
    h = lambda: <name>.append(7)\n<name> = [1]\n<name> = [<name>]\ncall(h)
    for <name> in same([1, 2]):\nLOOP
    for i in range(3):\nLOOP\n    if truly(): break\nLOOP\nelse:\nLOOP
    for i in range(3):\nLOOP\n    if falsely(): continue\nLOOP
    for <name> in <place>:\n    if number() > 3: continue\nLOOP
    for v in [<place>.pop(), <place>]:\n    change(v)
    for v in <place>.pop():\n    change(v)\n    if truly(): break
    while number() < 6 and len(<place>) < 6:\n    keep(<place>)\n    break
    b = 0\nwhile b < 3:\n    b += 1\nLOOP
    while len(<place>) < 5:\n    <place>.append(<value>)
    while <place>:\n    <place>.pop()
    for i in range(3):\n    BLOCK\n    if <test>: break
    for i in range(3):\n    if <test>: continue\n    BLOCK
    change(<place>)
    keep(<place>)
    keep(<place>.pop())
    poke()
    <place>[number()] = <value>
    <place>[same('x')] = <value>
    if truly():\nBLOCK
    if falsely():\nBLOCK\nelse:\nBLOCK
    [<name> := w for w in <place>]
    <name> = [same(w) for w in <place>]\nassert truly(<name>)
    <name> = {same('x'): <place>}
    <name> = <unknown>
    <name> = <unknown>
    <name>.append(<unknown>)
    <place> += Thing()
    <place>.update(x=<unknown>)
    <name> = Thing(<place>)\n<name> += [<place>]
    <name> = lambda: 1
    call(<place>.clear)
    <name> = [change(<place>) for _ in range(2)]
    <name> = {k: change(v) for k, v in enumerate(<place>)}
    keep(v for v in <place>)\ncall(list, [1])
    <name> = type('T', (), {'x': <place>})
    <name>: change(<place>) = 1
    del (<name>), <name>
    <name> = sorted(<place>, key=same)
    <place>.sort(key=change)
    <name> = __import__('support.unknown_code')
    len = lambda v: 3\n<name> = len([1])\ndel len
"""
)
