@echo off
rem Installs the packages beside this file at the first start, without a network; then starts the app.
setlocal
cd /d "%~dp0"
set "TUNING_FORK_HOME=%~dp0home"
if not exist .venv\installed (
  echo Installing the packages; this takes a minute or two.
  if exist .venv rmdir /s /q .venv
  py -$python_version -m venv .venv || goto no_python
  .venv\Scripts\python -m pip --isolated install --quiet --disable-pip-version-check --no-index --find-links packages -r app\requirements.txt || goto no_packages
  echo. > .venv\installed
)
cd app
if "%~1"=="class" (
  "%~dp0.venv\Scripts\python" -m core %*
  exit /b
)
"%~dp0.venv\Scripts\python" -m streamlit run app.py %*
exit /b %errorlevel%

:no_python
echo This kit needs Python $python_version, which is not on this computer.
pause
exit /b 1

:no_packages
echo The packages could not be installed. They are for Python $python_version on $platform.
pause
exit /b 1
