TOOLS := .tools
TOOL_NAMES := emulator sam lint
PYTHON ?= python3

.tools/%/.installed: tools/%.txt
	@echo "installing $* into .tools/$*"
	@$(PYTHON) -m venv --clear .tools/$*
	@.tools/$*/bin/python -m pip install --quiet --disable-pip-version-check -r tools/$*.txt
	@touch $@

tools: $(TOOL_NAMES:%=.tools/%/.installed)
.PHONY: tools
