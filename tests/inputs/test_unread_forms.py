"""What is not an array in full is called by its name, with what to do, typed, on standard input and in a text file."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from attncli.errors import InputError
from attncli.inputs.literal import read_typed
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

PASTE = "print the array, and paste what it shows"
KEEP = "keep only the arrays, each with its name: Q = …"
CODE = "this is code, which attncli does not run"
NAMED = "this describes an array, without its numbers"
SHORTENED = "the array is printed with '...' in place of numbers"
NUMBERS = "print its numbers: print(x.tolist())"
FRAME = (
    "this is code for a data frame, which attncli does not run",
    "print its numbers: print(x.to_csv(index=False)) in Python, write.csv(x, row.names = FALSE) in R",
)
SEVERAL = ("several arrays are in one pair of parentheses", "print them one at a time")
BARS = "its cells are separated by bars, without a line of dashes under the header"
COMPILED = ("this is a constant as a compiler prints it, with its type", "keep only the numbers and their brackets")
UNREAD = [
    (
        "several names",
        "Q, K = np.array([[1, 2]]), np.array([[3, 4]])",
        "several names share one =",
        "put each array on its own line, after its name: Q = …",
    ),
    (
        "lengths that are names",
        "#define N 2\nfloat q[N][2] = {{1, 2}, {3, 4}};",
        "its lengths are names, not numbers",
        "write the numbers, as in float q[2][3] = {…};",
    ),
    (
        "numbered names",
        "1. **First**: A = [[1, 2]]\n2. **Second**: B = [[3, 4]]",
        "its names follow list markers",
        "delete the markers, so that each line begins with its name: Q = …",
    ),
    (
        "numbered rows",
        "1) 1 2\n2) 3 4",
        "its rows follow list markers",
        "delete the markers, so that each line is a row",
    ),
    (
        "rows between bars",
        "| 1 2 |\n| 3 4 |",
        "each row is between bars",
        "delete the bars, so that each line is a row: 1 0",
    ),
    (
        "quotation marks of a word processor",
        "“Q”: [[1, 2]]",
        "it has typographic quotation marks",
        "use plain ones, or none",
    ),
    (
        "a name and its set",
        "Q ∈ ℝ^{2×2}:\n1 2\n3 4\n5 6",
        "a name is followed by the set that its array is in",
        "write each array directly after its name: Q = [[1, 0], [0, 1]]",
    ),
    (
        "items that are rows",
        "* [1, 2]\n* [3, 4]",
        "its rows follow list markers",
        "delete the markers, so that each line is a row",
    ),
    (
        "labels and lists",
        "the [ 1.   0.5]\ncat [0.25 3.  ]\n",
        "each row is a label and a list",
        "delete the brackets: a label and its numbers make a row",
    ),
    (
        "an item of a shape",
        "q = np.array([[1, 2]])\nd_k = q.shape[-1]\nq /= d_k",
        "'q.shape[-1]\\nq /= d_k' is code, which attncli does not run",
        "leave it out, or print the array, and paste what it shows",
    ),
    ("a call", "np.eye(2)", CODE, PASTE),
    ("a call of a call", "np.arange(4).reshape(2, 2)", CODE, PASTE),
    ("a call with a name", "Q = eye(2)", CODE, PASTE),
    ("a transpose of R", "Q <- t(matrix(c(1, 2, 3, 4), 2))", CODE, PASTE),
    ("a shape", "torch.Size([2, 2])", CODE, PASTE),
    ("Python's lines", "import numpy as np\nq = np.eye(2)\n", CODE, PASTE),
    ("Eigen's comma", "q << 1, 2,\n     3, 4;", CODE, PASTE),
    (
        "a tensor of llama.cpp",
        "ggml_debug:  Qcur = (f32) ADD(Qcur{2, 1, 1, 1}, bq{2, 1, 1, 1}}) = {2, 1, 1, 1}\n"
        " [\n  [ 1.0, 2.0],\n ]\n sum = 3.0\n",
        "this is a tensor as llama.cpp prints it, with its name above and its sum below",
        "print it in full, and keep only what stands in brackets",
    ),
    (
        "a Series of Polars",
        "shape: (2,)\nSeries: 'a' [f64]\n[\n\t1.0\n\t2.0\n]",
        "this is a Series as Polars prints it",
        "print(x.to_list()) prints what attncli reads",
    ),
    ("a variable without numbers", "<KerasVariable shape=(2, 2), dtype=float32, path=dense/kernel>", NAMED, NUMBERS),
    ("a traced array", "Traced<ShapedArray(float32[2,2])>with<DynamicJaxprTrace(level=1/0)>", NAMED, NUMBERS),
    (
        "an array of xarray",
        "<xarray.DataArray (x: 1, y: 2)> Size: 16B\narray([[1., 2.]])\nDimensions without coordinates: x, y",
        "this is an xarray array with its coordinates",
        "print its numbers: print(x.values)",
    ),
    ("a data frame's code", "pd.DataFrame([[1, 2], [3, 4]], columns=['a', 'b'])", *FRAME),
    ("a data frame's code in R", "data.frame(a = c(1, 3), b = c(2, 4))", *FRAME),
    (
        "a data frame cut short",
        "     0  ...   9\n0  1.0  ... 2.0\n1  3.0  ... 4.0\n\n[2 rows x 10 columns]",
        SHORTENED,
        "print it in full: print(x.to_csv(index=False))",
    ),
    (
        "a data frame with its size",
        "     0    1\n0  1.0  2.0\n1  3.0  4.0\n\n[2 rows x 2 columns]",
        "this is a data frame as pandas prints it, with its size below it",
        "print(x.to_csv(index=False)) prints what attncli reads",
    ),
    (
        "a series",
        "0    1.0\n1    2.0\ndtype: float64",
        "this is a Series as pandas prints it",
        "print(x.to_list()) prints what attncli reads",
    ),
    (
        "a sparse array",
        "  (0, 0)\t1.0\n  (1, 1)\t4.0",
        "this is a sparse array as SciPy prints it, with only its nonzero cells",
        "print(x.toarray()) prints what attncli reads",
    ),
    (
        "a masked array",
        "masked_array(\n  data=[[1.0, --],\n        [3.0, 4.0]],\n  mask=[[False,  True],\n        [False, False]])",
        "this is a masked array as NumPy prints it",
        "print(x.filled(float('nan')))",
    ),
    (
        "three axes of MATLAB",
        "q(:,:,1) =\n\n     1     2\n\nq(:,:,2) =\n\n     5     6\n",
        "this is an array of three axes as MATLAB prints it",
        "MATLAB's last axis is the first here: write each slice, x(:,:,1), to its own file",
    ),
    (
        "a tuple of arrays",
        "(tensor([[1., 2.],\n        [3., 4.]]), tensor([[5., 6.],\n        [7., 8.]]))",
        "several arrays are in one pair of parentheses",
        "print them one at a time",
    ),
    (
        "rows in parentheses",
        "(1, 2), (3, 4)",
        "each row has its own parentheses",
        "put the rows into one list: [[1, 0], [0, 1]]",
    ),
    (
        "names before the rows",
        "row 0: 1.0 2.0\nrow 1: 3.0 4.0\n",
        "each line begins with a name and a colon",
        "delete everything up to the colon",
    ),
    (
        "a rule of dashes",
        "  a   b\n --  --\n  1   2\n  3   4",
        "its second line is a line of dashes under the header, not numbers",
        "delete that line",
    ),
    (
        "bars without a rule",
        "a|b\n1|2\n3|4",
        BARS,
        "put a line of dashes under the header, ---|---, or commas in place of the bars",
    ),
    (
        "a table of Spark that shows the first rows",
        "+---+---+\n|  a|  b|\n+---+---+\n|1.0|2.0|\n+---+---+\nonly showing top 1 row\n",
        "rows of the table were left out",
        "print all of its rows: df.show(df.count())",
    ),
    (
        "a table of Polars without its last rows",
        "shape: (3, 1)\n┌─────┐\n│ a   │\n│ --- │\n│ f64 │\n╞═════╡\n│ 1.0 │\n│ 3.0 │\n└─────┘",
        "its lines say 3 × 1, but the table has 2 × 1",
        "copy everything that was printed",
    ),
    (
        "a table of psql without its first row",
        "  a  |  b  \n-----+-----\n   3 |   4\n(2 rows)",
        "its lines say 2 × 2, but the table has 1 × 2",
        "copy everything that was printed",
    ),
    (
        "a table and a matrix of LaTeX",
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n$$K = \\begin{bmatrix} 5 & 6 \\\\ 7 & 8 \\end{bmatrix}$$\n",
        "holds tables and LaTeX matrices; only one kind can be read from a file",
        "keep the tables in this file, and move the matrices to a .tex file",
    ),
    (
        "keys and values of protobuf",
        "dims: 2\ndims: 1\nfloat_data: 1\nfloat_data: 2\n",
        "its lines are keys and values, and some keys are repeated",
        "keep only the rows of the matrix, without their keys",
    ),
    *(
        (f"a line of a log {number}", text, "begins with a time, like the lines of a log", KEEP)
        for number, text in enumerate(
            (
                "2024-01-05 12:00:01 INFO Q=[[1, 2], [3, 4]]",
                "12:00:01.250 [[1. 2.]\n [3. 4.]]\n",
            )
        )
    ),
    *(
        (
            f"numbered lines {number}",
            text,
            "its lines are numbered",
            "delete the line numbers and the signs after them",
        )
        for number, text in enumerate(
            (
                "1| 1 0\n2| 0 1\n",
                "  1 │ 1 0\n  2 │ 0 1\n",
                "1: 1 0\n2: 0 1\n",
                "   1  Q = np.array([[1, 2]])\n   2  K = Q\n",
            )
        )
    ),
    *(
        (
            f"a comment after a row {number}",
            f"1 2 {sign} first\n3 4 {sign} second\n",
            "a comment follows a row",
            "put it on its own line after # and a space, or delete it",
        )
        for number, sign in enumerate(("#", "//", "%"))
    ),
    *(
        (
            f"an array of lldb {number}",
            f"{start}(float[2][2]) $0 = {{\n  [0] = ([0] = 1, [1] = 2)\n  [1] = ([0] = 3, [1] = 4)\n}}\n",
            "this is an array as lldb prints it, each cell with its index",
            "print one row per line, with spaces or commas between its cells",
        )
        for number, start in enumerate(("", "(lldb) p q\n"))
    ),
    (
        "arrows after labels",
        "cat -> 1 2\ndog -> 3 4\n",
        "an arrow separates a label from its row",
        "delete the arrows: a label and its numbers make a row",
    ),
    ("a factor before an array", "2 * np.array([[1, 2]])", CODE, PASTE),
    ("a sum after a name", "Q = 0.5 + np.array([[1, 2]])", CODE, PASTE),
    (
        "an answer with two arrays without names",
        "Sure! Here it is:\n\n```python\n[[1, 2], [3, 4]]\n```\n\nand\n\n```\n[[0.5, 0.5]]\n```\n",
        "contains text outside its code fences",
        "keep only one fenced block, or put the name of each matrix above its fence: Q:",
    ),
    (
        "Word's equation",
        "[■(1&2@3&4)]",
        "this is a matrix as Word writes it in an equation",
        "write its rows with semicolons between them: '1 0; 0 1'",
    ),
    (
        "a tensor of Burn",
        'Tensor {\n  data:\n[[1.0, 2.0],\n [3.0, 4.0]],\n  shape:  [2, 2],\n  device:  Cpu,\n  dtype:  "f32",\n}',
        "this is a tensor as Burn prints it, with its metadata",
        "keep only the list after data:",
    ),
    (
        "a variable of Flax",
        "Param( # 4 (16 B)\n  value=Array([[1., 2.],\n       [3., 4.]], dtype=float32)\n)",
        "this is a variable as Flax prints it",
        "print its numbers: print(x.value)",
    ),
    (
        "R's str",
        " num [1:2, 1:2] 1 3 2 4",
        "this is the output of R's str()",
        "print all of it: print(x)",
    ),
    ("MLIR", "dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>", *COMPILED),
    ("HLO", "f32[2,2] { { 1, 2 }, { 3, 4 } }", *COMPILED),
    ("HLO with a layout", "f32[2,2]{1,0} {\n { 1, 2 },\n { 3, 4 } }", *COMPILED),
    ("ONNX's text", "float[2,2] q = {1, 2, 3, 4}", *COMPILED),
    (
        "XML",
        "<q><row>1 0.5</row><row>2 3</row></q>",
        "its numbers are between tags, as in XML and MathML",
        "print one row per line, with spaces or commas between its cells",
    ),
    (
        "a statement of SQL",
        "INSERT INTO q VALUES (1, 0.5), (2, 3);",
        "this is code, which attncli does not run",
        "run it in a database, and paste the table that SELECT shows",
    ),
    (
        "Armadillo's file",
        "ARMA_MAT_TXT_FN008\n2 2\n   1.0   2.0\n   3.0   4.0\n",
        "this is a text file of Armadillo",
        "delete its first two lines, which give the type and the size",
    ),
    (
        "a section of TOML",
        "[problem]\nq = [[1, 2], [3, 4]]",
        "its first line is the name of a section, as in TOML and INI",
        "delete that line",
    ),
    (
        "rows after their numbers",
        "1. [1, 2]\n2. [3, 4]",
        "its rows are numbered",
        "delete the row numbers and the signs after them",
    ),
    (
        "rows of a debugger",
        "0: (2) [1, 2]\n1: (2) [3, 4]",
        "its rows are numbered",
        "delete the row numbers and the signs after them",
    ),
    (
        "a sentence before an array",
        "The query matrix is [[1, 2], [3, 4]].",
        "words come before an array",
        "write its name and = before it: Q = [[1, 0], [0, 1]]",
    ),
    (
        "a shape of torch above the array",
        "torch.Size([2, 2])\ntensor([[1., 2.],\n        [3., 4.]])",
        "its first line is the shape, not numbers",
        "delete that line",
    ),
    (
        "a data frame in blocks of columns",
        "          a  \\\n0  1.000000   \n1  3.000000   \n\n          c  \n0  5.000000  \n1  6.000000  ",
        "its columns are wrapped into several blocks of lines",
        "print(x.to_csv(index=False)) prints what attncli reads",
    ),
    (
        "colours",
        "\x1b[1m[[1. 2.]\n [3. 4.]]\x1b[0m",
        "contains terminal colour codes",
        r"print it without them: NO_COLOR=1, or pipe it through sed 's/\x1b\[[0-9;]*m//g'",
    ),
    *(
        (f"a word of a log {number}", text, "begins with a log level, such as INFO", KEEP)
        for number, text in enumerate(("INFO:root:[[1. 2.]]", "[INFO] [[1. 2.]]", "[rank0]: [[1. 2.]]"))
    ),
    (
        "a type above an array",
        "<class 'numpy.ndarray'>\n[[1. 2.]\n [3. 4.]]",
        "its first line is a type, not numbers",
        "delete that line",
    ),
    (
        "an association",
        '<|"q" -> {{1, 2}}|>',
        "this is a Mathematica association",
        "print its arrays one at a time, each with its name: Q = …",
    ),
    *(
        (
            f"Maple's brackets {number}",
            text,
            "this is a Maple matrix in angle brackets",
            "print it as a list: convert(x, listlist)",
        )
        for number, text in enumerate(("<<1, 3>|<2, 4>>", "<<1|2>,<3|4>>"))
    ),
    (
        "a data frame of Julia",
        "2×2 DataFrame\n Row │ a      b     \n     │ Int64  Int64 \n"
        "─────┼──────────────\n   1 │     1      2\n   2 │     3      4",
        "this is a data frame as Julia prints it",
        "print its numbers: Matrix(df)",
    ),
    (
        "glimpse",
        "Rows: 2\nColumns: 2\n$ a <dbl> 1.5, 0.25\n$ b <dbl> -2, 3\n",
        "this is the output of glimpse(), one line per column",
        "print(x.to_csv(index=False)) in Python, write.csv(x, row.names = FALSE) in R",
    ),
    (
        "a file of OpenCV",
        "%YAML:1.0\n---\nQ: !!opencv-matrix\n   rows: 1\n   cols: 2\n   dt: f\n   data: [ 1., 2. ]\n",
        "this is a matrix as OpenCV writes it, with its numbers in one list",
        "print its rows: print(fs.getNode('Q').mat().tolist())",
    ),
    (
        "nalgebra's debug",
        "Matrix { data: VecStorage { data: [1.0, 3.0, 2.0, 4.0], "
        "nrows: Dynamic { value: 2 }, ncols: Dynamic { value: 2 } } }",
        "this is a matrix as nalgebra prints it with {:?}, column by column",
        'print it with {}: println!("{}", x)',
    ),
    (
        "Candle's debug",
        "Tensor[dims 2, 2; f32]",
        "this describes a tensor, without its numbers",
        'print it with {}: println!("{}", x)',
    ),
    (
        "rows of LaTeX without their environment",
        "1.5 & -2 \\\\ \\hline\n0.25 & 3 \\\\ \\hline\n",
        "its cells are separated by '&', as in LaTeX",
        r"write \begin{bmatrix} above them and \end{bmatrix} below, and \\ after each row",
    ),
    ("OpenCV's comma", "cv::Mat_<float> q = (cv::Mat_<float>(2,2) << 1, 2, 3, 4);", CODE, PASTE),
    ("Eigen's comma below a declaration", "Eigen::Matrix2d Q;\nQ << 1, 2,\n     3, 4;", CODE, PASTE),
    (
        "several arrays of a result",
        "torch.return_types.topk(\nvalues=tensor([[1.5000],\n        [3.0000]]),\nindices=tensor([[0],\n        [1]]))",
        *SEVERAL,
    ),
    (
        "a shape of an attribute above the array",
        "Q.shape = (2, 2)\nQ = [[1. 2.]\n [3. 4.]]",
        "its first line is the shape, not numbers",
        "delete that line",
    ),
    (
        "bars without a rule below a comment",
        "# Q\n1|2\n3|4",
        BARS,
        "put a line of dashes under the header, ---|---, or commas in place of the bars",
    ),
    (
        "bars without a rule and an empty corner",
        "|a|b\ncat|1|2\ndog|3|4",
        BARS,
        "put a line of dashes under the header, ---|---, or commas in place of the bars",
    ),
    ("a tuple of arrays on a line", "(array([[1., 2.]]), array([[3., 4.]]))", *SEVERAL),
    ("an array of Dask", "dask.array<array, shape=(2, 2), dtype=float64, chunksize=(2, 2)>", NAMED, NUMBERS),
    (
        "an index under a rule",
        "====  ===\n  ..    a\n====  ===\n   0    1\n   1    3\n====  ===\n",
        "the header begins with an empty cell, but the first column holds numbers, not labels",
        "leave the index out (pandas: to_csv(FILE, index=False), R: row.names = FALSE)",
    ),
    (
        "bars around rows",
        "| 1 | 2 |\n| 3 | 4 |",
        BARS,
        "put | | | and |---|---| above it, with the same number of cells",
    ),
]


def ways(text: str, folder: Path):
    """What to call for the text typed, on standard input and in a file."""
    (folder / "q.txt").write_text(text)
    yield lambda: Sources(io.BytesIO).matrix(text, role="queries")
    yield lambda: Sources(lambda: io.BytesIO(text.encode())).matrix("-", role="queries")
    yield lambda: Sources(io.BytesIO).matrix(str(folder / "q.txt"), role="queries")


@pytest.mark.parametrize(("text", "what", "hint"), [case[1:] for case in UNREAD], ids=[case[0] for case in UNREAD])
def test_a_form_without_all_its_numbers_is_called_by_its_name(text: str, what: str, hint: str, tmp_path: Path) -> None:
    for read in ways(text, tmp_path):
        with pytest.raises(InputError) as caught:
            read()
        assert (caught.value.what, caught.value.hint) == (what, hint)


BETWEEN_ROWS = [
    "1 2 / 3 4",
    r"1 & 2 \\ 3 & 4",
    r"1 & 2 \\ 3 & 4 \\",
    "1 2 | 3 4",
    r"1 2 \n 3 4",
    "1, 2 / 3, 4",
    "1 2 : 3 4",
]


@pytest.mark.parametrize("text", BETWEEN_ROWS)
def test_rows_between_other_signs_are_given_back_with_semicolons_and_that_is_read(text: str, tmp_path: Path) -> None:
    for read in ways(text, tmp_path):
        with pytest.raises(InputError) as caught:
            read()
        assert caught.value.hint == "rows are separated by ';': '1 2; 3 4'"
    assert Sources(io.BytesIO).matrix("1 2; 3 4", role="queries").array.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("text", ["(1.5),(2.5)\n1,2", "cat (1),b\n1,x", "a.b (old)\n1\nx", "x...,b\n1,x", "$a$,b\n1,x"])
def test_a_table_with_one_bad_cell_keeps_the_place_of_the_cell(text: str, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(text)
    with pytest.raises(InputError, match=r": line \d, column \d: "):
        Sources(io.BytesIO).matrix(str(tmp_path / "q.csv"), role="queries")


@pytest.mark.parametrize("suffix", ["json", "yaml", "md", "tex"])
@pytest.mark.parametrize(
    "text",
    ["[[1. 2.]\n [3. 4.]]", "tensor([[1., 2.],\n        [3., 4.]])", "Q = np.array([[1, 2]])", "a,b\n1,2\n3,4\n"],
)
def test_a_print_under_another_suffix_is_sent_to_txt(text: str, suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"q.{suffix}").write_text(text)
    with pytest.raises(InputError) as caught:
        Sources(io.BytesIO).matrix(str(tmp_path / f"q.{suffix}"), role="queries")
    assert caught.value.hint == "it can be read as text: name it .txt"


def test_yaml_in_a_csv_file_is_sent_to_its_own_suffix(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("q:\n- [1, 2]\n- [3, 4]\n")
    with pytest.raises(InputError, match="this is YAML") as caught:
        Sources(io.BytesIO).matrix(str(tmp_path / "q.csv"), role="queries")
    assert caught.value.hint == "name the file .yaml"


@pytest.mark.parametrize(
    "options", [(), ("--ascii",), ("--show", "queries"), ("--show", "output,lse", "--digits", "2")]
)
@pytest.mark.parametrize("start", [0, 2])
def test_a_table_of_attncli_itself_says_what_is_read_again(run, tmp_path, options: tuple[str, ...], start: int) -> None:
    printed = run("run", "1 0; 0 1", "1 0; 0 1", "1 2; 3 4", *options).out.split("\n\n", 1)
    path = tmp_path / "r.txt"
    path.write_text("\n\n".join(printed) if not start else printed[1])
    ran = run("run", path, path)
    assert (ran.status, ran.err) == (
        2,
        f"error: {path}: this is a table as attncli prints it, with rounded numbers\n"
        "hint: print a form that can be read back: -f csv, -f json or -f markdown\n",
    )


@pytest.mark.parametrize("item", ["-   ", "- a = "])
def test_a_line_of_many_signs_of_a_list_is_refused_at_once(item):
    # it took time that doubled with each sign
    with pytest.raises(InputError):
        read_typed("    " + item * 40 + "//   x\n*", "Q", Reading())
