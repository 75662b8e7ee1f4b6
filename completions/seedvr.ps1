# PowerShell completion for seedvr

Register-ArgumentCompleter -Native -CommandName seedvr -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    $env:_SEEDVR_WORDS = ($before + $wordToComplete) -join [char]0x1f
    $env:_SEEDVR_COMPLETE = 'complete_powershell'
    seedvr 2>$null | Select-Object -Skip 1 | ForEach-Object {
        $word, $meaning = $_ -split "`t", 2
        if (-not $meaning) { $meaning = $word }
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $meaning)
    }
    Remove-Item Env:_SEEDVR_WORDS, Env:_SEEDVR_COMPLETE
}
